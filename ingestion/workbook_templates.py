"""What partners fill in and look up: workbooks to complete (XLSX), and the dictionary of the columns (HTML), in French."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.contracts import ANY, PERSON, Column, Condition, Contract
from ingestion.territory import (
    load_countries,
    load_epcis,
    load_funding_schemes,
    load_indicator_codes,
    load_programme,
    load_programmes,
)

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MARK = "lakou"
SENDING = "Envoi"
LISTS = "Listes"
YES, NO = "OUI", "NON"
# rows and characters that Excel allows
LAST_ROW = 1_048_575
LONGEST_LIST = 255
LONGEST_SHEET_NAME = 31
FORMATS = {"date": "dd/mm/yyyy", "datetime": "dd/mm/yyyy hh:mm", "number": "General", "integer": "0"}
PERIODS = {
    "month": "2026-03 (mars 2026)",
    "quarter": "2026-T1 (premier trimestre)",
    "semester": "2026-S1 (premier semestre)",
    "year": "2026",
    "any": "2026-03, 2026-T1, 2026-S1 ou 2026",
}
FILE_PERIODS = {"month": "2026-03", "quarter": "2026-T1", "semester": "2026-S1", "year": "2026", "any": "2026-03"}
_SENDING_HELP = (
    "Comment remplir ce classeur",
    "1. Complétez les trois cases ci-dessus : elles disent qui envoie, pour quelle période, et la version.",
    "2. Remplissez une feuille par flux, une ligne par fait, sous les titres, que vous laissez tels quels.",
    "3. Les titres suivis d'une étoile (*) sont obligatoires ; avec (*) entre parenthèses, ils le sont dans certains cas.",
    "4. Une liste s'ouvre dans les cases qui en ont une. Une valeur qui n'y est pas sera refusée.",
    "5. Une feuille laissée vide n'est pas envoyée. Pour dire qu'il n'y a rien à déclarer, déposez un classeur vide sous le"
    " nom de fichier que donne sa notice.",
    "6. Pour corriger un envoi, renvoyez le classeur entier avec une version plus grande : il remplace le précédent.",
    "7. Les feuilles « Notice » disent, colonne par colonne, ce qu'on y met, avec un exemple de ligne.",
)
# characters that fit on one line of the help
_HELP_WIDTH = 105


def write_template(
    contracts: Iterable[Contract], path: Path, partner: str | None = None, programme: str | None = None
) -> None:
    """Write the workbook that a partner fills in: how it is sent, one sheet a feed, a notice of each.

    Args:
        contracts: feeds of one workbook; they have one grain.
        path: where the XLSX goes.
        partner: code of the partner, written in beforehand.
        programme: narrows the lists of codes to one programme.
    """
    import xlsxwriter

    contracts = list(contracts)
    with xlsxwriter.Workbook(path) as workbook:
        # the same template is the same bytes
        workbook.set_properties(
            {"title": ", ".join(contract.title for contract in contracts), "created": dt.datetime(2024, 1, 1)}  # noqa: DTZ001
        )
        _write_sending(workbook, contracts, partner)
        lists = _Lists(workbook, programme)
        for contract in contracts:
            _write_sheet(workbook, contract, lists)
        for contract in contracts:
            _write_notice(workbook, contract, programme)
        lists.close()


def sheet_name(contract: Contract) -> str:
    """Name of a feed's sheet."""
    return f"{contract.feed} {contract.title}"[:LONGEST_SHEET_NAME].rstrip()


def choices(column: Column, programme: str | None = None) -> tuple[str, ...]:
    """Values of a column that a partner chooses from; none where they are not a list.

    Args:
        programme: narrows codes to those of one programme.
    """
    if column.enum:
        return column.enum
    if column.type == "boolean":
        return (YES, NO)
    programmes = [load_programme(programme)] if programme else list(load_programmes().values())
    codes: Iterable[str] = ()
    if "action" in column.checks:
        codes = (code for item in programmes for code in item.action_codes)
    elif "funding_scheme" in column.checks:
        known = {item.code for item in programmes}
        codes = (scheme.code for scheme in load_funding_schemes().values() if scheme.programme in known)
    elif "epci" in column.checks and programme:
        codes = load_epcis(programme)
    elif "indicator" in column.checks:
        return tuple(load_indicator_codes())
    elif "country" in column.checks:
        codes = load_countries()
    return tuple(sorted(codes))


# ------------------------------------------------------------------------------------------------------- workbook


class _Lists:
    """Lists of values: typed into the validation where Excel takes them, on a hidden sheet where they are too long."""

    def __init__(self, workbook: Workbook, programme: str | None) -> None:
        self.workbook, self.programme = workbook, programme
        self.ranges: dict[tuple[str, ...], str] = {}

    def source(self, values: tuple[str, ...]) -> list[str] | str:
        """What a validation takes for these values."""
        if len(",".join(values)) <= LONGEST_LIST:
            return list(values)
        letter = chr(ord("A") + len(self.ranges))
        return self.ranges.setdefault(values, f"={LISTS}!${letter}$1:${letter}${len(values)}")

    def close(self) -> None:
        """Write the hidden sheet, last, where some list needs it."""
        if not self.ranges:
            return
        sheet = self.workbook.add_worksheet(LISTS)
        for index, values in enumerate(self.ranges):
            for row, value in enumerate(values):
                sheet.write_string(row, index, value)
        sheet.hide()


def _write_sending(workbook: Workbook, contracts: Sequence[Contract], partner: str | None) -> None:
    sheet = workbook.add_worksheet(SENDING)
    bold = workbook.add_format({"bold": True, "font_size": 14})
    label = workbook.add_format({"bold": True, "bg_color": "#F6D6C1", "border": 1})
    value = workbook.add_format({"num_format": "@", "border": 1, "align": "left"})
    help_text = workbook.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 24)
    sheet.set_column(2, 2, 70)
    sheet.write_string(0, 0, f"Envoi : {', '.join(contract.title for contract in contracts)}", bold)
    grain = contracts[0].grain
    rows = (
        ("Partenaire", partner or "", "Votre code de partenaire, tel qu'il figure sur vos accusés."),
        ("Période", "", f"Par exemple {PERIODS[grain]}."),
        ("Version", "1", "1 pour le premier envoi de la période, puis 2, 3…"),
    )
    for row, (title, text, explanation) in enumerate(rows, start=2):
        sheet.write_string(row, 0, title, label)
        sheet.write(row, 1, text or None, value)
        sheet.write_string(row, 2, explanation, help_text)
    for row, text in enumerate(_SENDING_HELP, start=6):
        sheet.merge_range(row, 0, row, 2, text, bold if row == 6 else help_text)
        # a merged cell does not grow with its text
        sheet.set_row(row, 32 if len(text) > _HELP_WIDTH else 18)
    sheet.set_row(0, 22)
    sheet.ignore_errors({"number_stored_as_text": "B3:B5"})
    sheet.activate()


def _write_sheet(workbook: Workbook, contract: Contract, lists: _Lists) -> None:
    sheet = workbook.add_worksheet(sheet_name(contract))
    # the hidden row tells the feed whatever the file is called
    sheet.write_string(0, 0, f"{MARK}:{contract.feed}:{contract.version}")
    sheet.set_row(0, None, None, {"hidden": True})
    sheet.freeze_panes(2, 0)
    # text is the form of all the rest: SIREN, commune codes and `1-9` stay what was typed
    formats = {name: workbook.add_format({"num_format": form}) for name, form in FORMATS.items()}
    text = workbook.add_format({"num_format": "@"})
    head = {"border": 1, "text_wrap": True, "valign": "top"}
    required = workbook.add_format({**head, "bold": True, "bg_color": "#F6D6C1"})
    optional = workbook.add_format({**head, "bg_color": "#E8EEF4"})
    for index, column in enumerate(contract.columns):
        values = choices(column, lists.programme)
        sheet.set_column(index, index, min(max(14, len(column.title) + 4), 34), formats.get(column.type, text))
        title = column.title + (" *" if column.required else " (*)" if _is_sometimes_required(column) else "")
        sheet.write_string(1, index, title, required if column.required else optional)
        sheet.write_comment(1, index, _comment(column, contract, values), {"x_scale": 2, "y_scale": 1.5})
        _validate(sheet, index, column, lists.source(values) if values else None)
    sheet.ignore_errors({"number_stored_as_text": f"A3:AZ{LAST_ROW + 1}"})
    sheet.set_landscape()
    sheet.repeat_rows(1)
    sheet.fit_to_pages(1, 0)


def _is_sometimes_required(column: Column) -> bool:
    return bool(column.required_when) or "person" in column.checks or "end_of_elearning" in column.checks


def _comment(column: Column, contract: Contract, values: Sequence[str]) -> str:
    choice = f"\nValeurs : {_enumerated(values)}." if values else ""
    return f"{column.description}{choice}\nObligatoire : {obligation(column, contract)}.\nExemple : {column.example}"


def _validate(sheet: Worksheet, index: int, column: Column, source: list[str] | str | None) -> None:
    rules: dict[str, Any] | None = None
    if source is not None:
        rules = {"validate": "list", "source": source}
    elif column.type in {"date", "datetime"}:
        rules = {"validate": "date", "criteria": ">", "value": dt.date(1900, 1, 1)}
    elif column.type in {"integer", "number"}:
        kind = "integer" if column.type == "integer" else "decimal"
        low = column.minimum if column.minimum is not None else column.exclusive_minimum
        if low is not None and column.maximum is not None:
            rules = {"validate": kind, "criteria": "between", "minimum": low, "maximum": column.maximum}
        elif low is not None:
            criteria = ">=" if column.minimum is not None else ">"
            rules = {"validate": kind, "criteria": criteria, "value": low}
    if rules is not None:
        notice = f"{column.title} : {column.description} Exemple : {column.example}"
        told = {"error_title": "Valeur non admise", "error_message": notice[:255], "error_type": "warning"}
        sheet.data_validation(2, index, LAST_ROW, index, rules | told)


def _write_notice(workbook: Workbook, contract: Contract, programme: str | None) -> None:
    sheet = workbook.add_worksheet(f"Notice {contract.feed}")
    bold = workbook.add_format({"bold": True})
    head = workbook.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "valign": "top"})
    wrap = workbook.add_format({"text_wrap": True, "valign": "top", "num_format": "@", "border": 1})
    sheet.write_string(0, 0, f"{contract.feed} {contract.title}, version {contract.version}", bold)
    sheet.write_string(1, 0, contract.description)
    sheet.write_string(2, 0, f"{deadline(contract)} Nom du fichier : {file_name(contract)}")
    for index, (title, width) in enumerate(zip(NOTICE, (28, 26, 34, 60, 44, 26), strict=True)):
        sheet.set_column(index, index, width)
        sheet.write_string(4, index, title, head)
    for row, column in enumerate(contract.columns, start=5):
        for index, text in enumerate(_notice_row(column, contract, programme)):
            sheet.write_string(row, index, text, wrap)
    example = 6 + len(contract.columns)
    sheet.write_string(example, 0, "Exemple d'une ligne", bold)
    for index, column in enumerate(contract.columns):
        sheet.write_string(example + 1, index, column.title, head)
        sheet.write_string(example + 2, index, _shown(column), wrap)
    last = len(contract.columns) - 1
    sheet.ignore_errors({"number_stored_as_text": f"A1:AZ{example + 3}"})
    sheet.freeze_panes(5, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, example + 2, max(last, len(NOTICE) - 1))


# ---------------------------------------------------------------------------------------------------- in so many words

NOTICE = ("Libellé", "Nom de colonne", "Obligatoire", "Ce qu'on y met", "Valeurs admises", "Exemple")
_TYPES = {
    "string": "Texte",
    "integer": "Nombre entier",
    "number": "Nombre",
    "boolean": "Oui ou non",
    "date": "Date",
    "datetime": "Date et heure",
}
_KINDS = {
    "commune_perimetre": "Code INSEE de commune : cinq caractères",
    "commune_cog": "Code INSEE de commune : cinq caractères",
    "siren": "SIREN : neuf chiffres",
    "siret": "SIRET : quatorze chiffres",
    "siren_list": "Un ou plusieurs SIREN, séparés par des points-virgules",
    "epci": "SIREN d'une intercommunalité du périmètre",
    "naf": "Code NAF : quatre chiffres et une lettre",
    "email": "Adresse électronique",
    "url": "Adresse qui commence par http:// ou https://",
}
_TREATMENTS = {
    "keep": "Gardée",
    "hmac": "Empreinte à clé : la valeur n'est jamais chargée",
    "coarsen": "Tranche seulement",
    "drop": "Non chargée",
}
_SHOWN_VALUES = 40


def _notice_row(column: Column, contract: Contract, programme: str | None) -> tuple[str, ...]:
    described = f"{column.description} Secret des affaires." if column.is_secret else column.description
    return (
        column.title,
        column.name,
        obligation(column, contract),
        described,
        form(column, contract, programme),
        _shown(column),
    )


def _shown(column: Column) -> str:
    """The example as a French spreadsheet shows it."""
    if column.type == "date":
        return f"{dt.date.fromisoformat(column.example):%d/%m/%Y}"
    if column.type == "datetime":
        return f"{dt.datetime.fromisoformat(column.example):%d/%m/%Y %H:%M}"
    if column.type == "number":
        return column.example.replace(".", ",")
    return column.example


def obligation(column: Column, contract: Contract) -> str:
    """When a column has to be filled in, in French, without a full stop."""
    titles = {item.name: item.title for item in contract.columns}
    if column.required:
        return "Oui"
    if column.required_when:
        return _condition(column.required_when, titles)
    if "person" in column.checks:
        return "Le courriel, ou bien nom, prénom et année"
    if "end_of_elearning" in column.checks:
        return "Pour un ELEARNING terminé"
    if column.default:
        return f"Non (vide, c'est {column.default})"
    return "Non"


def _condition(when: Condition, titles: dict[str, str]) -> str:
    return " et ".join(
        f"Si « {titles[name]} » est rempli"
        if values == (ANY,)
        else f"Si « {titles[name]} » vaut {' ou '.join(YES if value == 'true' else value for value in values)}"
        for name, values in when
    )


def form(column: Column, contract: Contract, programme: str | None = None) -> str:
    """What form a value has, in French: its kind or its values, its bounds, and what it is compared with."""
    titles = {item.name: item.title for item in contract.columns}
    values = choices(column, programme)
    kind = next((text for check, text in _KINDS.items() if check in column.checks), _TYPES[column.type])
    parts = [f"Une de ces valeurs : {_enumerated(values)}" if values else kind]
    if not values:
        parts += [f"{word} {_number(bound)}" for word, bound in _bounds(column)]
        if column.max_length and kind == _TYPES["string"]:
            parts.append(f"{column.max_length} caractères au plus")
    related = (
        ("pas avant", column.not_before),
        ("pas après", column.not_after),
        ("au plus", column.at_most),
        ("autre que", column.differs_from),
    )
    parts += [f"{word} « {titles[name]} »" for word, name in related if name is not None]
    if column.references is not None:
        feeds = " ou ".join(dict.fromkeys(feed for _, feed in column.references.feeds))
        parts.append(f"connu du flux {feeds}")
    return ", ".join(parts)


def _bounds(column: Column) -> list[tuple[str, float]]:
    bounds = (("au moins", column.minimum), ("plus de", column.exclusive_minimum), ("au plus", column.maximum))
    return [(word, bound) for word, bound in bounds if bound is not None]


def _enumerated(values: Sequence[str]) -> str:
    more = f"… ({len(values)} valeurs, voir la liste de la case)" if len(values) > _SHOWN_VALUES else ""
    return ", ".join(values[:_SHOWN_VALUES]) + more


def _number(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00").replace(",", " ").replace(".", ",")


def deadline(contract: Contract) -> str:
    """When a file is due, in a French sentence."""
    if contract.due_days is None:
        return "À déposer quand il y a du nouveau."
    return f"À déposer au plus tard {contract.due_days} jours après la fin de la période."


def file_name(contract: Contract) -> str:
    """How a file of the feed is called, with its period and the partner's code as an example."""
    return f"{contract.feed}_{contract.name}__VOTRE-CODE__{FILE_PERIODS[contract.grain]}__v1.csv (ou .xlsx, .ods)"


# ----------------------------------------------------------------------------------------------------- dictionary

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:96rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    ".large{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.95em}"
    "caption{text-align:left;font-weight:600;padding:.4rem 0}"
    "th,td{border:1px solid #767676;padding:.4rem .6rem;text-align:left;vertical-align:top;overflow-wrap:break-word}"
    "td:nth-child(6){overflow-wrap:anywhere;min-width:10rem}td:nth-child(4),td:nth-child(5){min-width:12rem}"
    "thead th{background:#eef2f6}tbody th{font-weight:600}code{background:#f3f3f3;padding:0 .2rem}"
    "a{color:#0b4f8a}"
    "@media print{body{margin:0;max-width:none;font-size:10pt}nav{display:none}section{break-before:page}"
    "thead{display:table-header-group}tr{break-inside:avoid}}"
)


def dictionary_html(contracts: Iterable[Contract]) -> str:
    """A plain French page, whole in itself, that says what each column of each feed is."""
    contracts = list(contracts)
    links = "\n".join(
        f'<li><a href="#{contract.feed}">{_escape(contract.feed)} {_escape(contract.title)}</a></li>'
        for contract in contracts
    )
    sections = "\n".join(_section(contract) for contract in contracts)
    return (
        '<!doctype html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Dictionnaire des données</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        "<h1>Dictionnaire des données</h1>\n"
        "<p>L'ordre des colonnes est libre ; l'en-tête porte le nom de la colonne ou son libellé. "
        "Un fichier qui n'a que sa ligne d'en-tête déclare qu'il n'y a rien à déclarer.</p>\n"
        f'<nav aria-label="Flux">\n<h2>Flux</h2>\n<ul>\n{links}\n</ul>\n</nav>\n'
        f"{sections}\n</main>\n</body>\n</html>\n"
    )


def _section(contract: Contract) -> str:
    titles = {column.name: column.title.lower() for column in contract.columns} | {PERSON: "personne"}
    key = ", ".join(titles[name] for name in contract.key)
    head = "".join(f'<th scope="col">{_escape(title)}</th>' for title in (*NOTICE, "Devenir de la valeur"))
    rows = "\n".join(_row(column, contract) for column in contract.columns)
    title = f"{_escape(contract.feed)} {_escape(contract.title)}"
    return (
        f'<section id="{contract.feed}" aria-labelledby="titre-{contract.feed}">\n'
        f'<h2 id="titre-{contract.feed}">{title}</h2>\n'
        f"<p>{_escape(contract.description)}</p>\n<ul>\n"
        f"<li>Version {_escape(contract.version)}, cadence : {_escape(contract.cadence)}. "
        f"{_escape(deadline(contract))}</li>\n"
        f"<li>Envoyé par : {_escape(contract.emitters)}.</li>\n"
        f"<li>Une ligne se reconnaît à : {_escape(key)}.</li>\n"
        f"<li>Nom du fichier : <code>{_escape(file_name(contract))}</code></li>\n</ul>\n"
        f'<div class="large" tabindex="0" role="region" aria-label="Colonnes du flux {contract.feed}">\n'
        f"<table>\n<caption>Colonnes du flux {title}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n"
        "</tbody>\n</table>\n</div>\n</section>"
    )


def _row(column: Column, contract: Contract) -> str:
    title, name, *cells = _notice_row(column, contract, None)
    texts = "".join(f"<td>{_escape(cell)}</td>" for cell in (*cells, _TREATMENTS[column.treatment]))
    return f'<tr><th scope="row">{_escape(title)}</th><td><code>{_escape(name)}</code></td>{texts}</tr>'


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
