"""What is made from the contracts: raw tables, dbt source, templates and dictionary (`make contracts`)."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from ingestion.contracts import PERSON, Column, Contract, load_contracts
from ingestion.settings import CHECKOUT

if TYPE_CHECKING:
    import xlsxwriter

HEADER = "Generated from ingestion/feeds/*.yml by `make contracts`: do not edit."
MIGRATION = Path("infra/postgres/migrations/0004_raw.sql")
SOURCES = Path("dbt_project/models/staging/drop/_drop__sources.yml")
TEMPLATE_MARK = "lakou"
TEMPLATE_ROWS = 5_000
# Excel's limit for a list typed into a validation
LONGEST_LIST = 255
MADE_COLUMNS = {
    "tranche_age": "Tranche d'âge, tirée de l'année de naissance : 15-29, 30-44, 45-59, 60+ ; vide si inconnue.",
    "person_key_1": "Empreinte à clé du courriel.",
    "person_key_2": "Empreinte à clé du nom de naissance, du prénom et de l'année de naissance.",
    "person_key_3": "Empreinte à clé du prénom et de l'année de naissance.",
    "_hmac_key_id": "Identifiant de la clé des empreintes.",
    "_object_partner_code": "Partenaire dont la session est suivie : lui-même d'abord, sinon un autre du programme.",
}
LOADER_COLUMNS = {
    "_load_id": ("bigint not null", "bigint", "Chargement qui a écrit la ligne ; son numéro de construction la date."),
    "_delivery_id": ("text not null", "text", "Livraison d'où vient la ligne."),
    "_row_number": ("integer not null", "integer", "Numéro de la ligne dans le fichier, tel qu'un tableur le montre."),
    "_row_hash": ("text not null", "text", "Empreinte à clé de la ligne entière."),
    "_loaded_at": (
        "timestamptz not null default clock_timestamp()",
        "timestamptz",
        "Instant du chargement (UTC), pour l'exploitation seulement.",
    ),
}


def raw_migration(contracts: Mapping[str, Contract]) -> str:
    """SQL of the raw tables: canonical text, append-only, never a name."""
    return "\n".join([f"-- {HEADER}", *(_raw_table(contract) for contract in contracts.values())])


def _raw_table(contract: Contract) -> str:
    table = f"raw.{contract.raw_table}"
    columns = [f"    {name} text," for name in contract.raw_columns]
    columns += [f"    {name} {definition}," for name, (definition, _, _) in LOADER_COLUMNS.items()]
    lines = [
        f"create table {table} (",
        *columns,
        "    primary key (_delivery_id, _row_number)",
        ");",
        f"create index {contract.raw_table}_load on {table} (_load_id);",
        f"comment on table {table} is {_literal(contract.description)};",
        *(f"comment on column {table}.{name} is {_literal(text)};" for name, text in _descriptions(contract).items()),
    ]
    return "\n".join(lines) + "\n"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _descriptions(contract: Contract) -> dict[str, str]:
    kept = {column.name: column.description for column in contract.columns}
    made = {name: kept.get(name) or MADE_COLUMNS[name] for name in contract.raw_columns}
    return made | {name: text for name, (_, _, text) in LOADER_COLUMNS.items()}


def dbt_sources(contracts: Mapping[str, Contract]) -> str:
    """YAML of the dbt source `raw`."""
    tables = [
        {
            "name": contract.raw_table,
            "description": f"{contract.feed}, {contract.title}. {contract.description}",
            "columns": [
                {
                    "name": name,
                    "description": text,
                    "data_type": LOADER_COLUMNS[name][1] if name in LOADER_COLUMNS else "text",
                }
                for name, text in _descriptions(contract).items()
            ],
        }
        for contract in contracts.values()
    ]
    source = {
        "name": "raw",
        "schema": "raw",
        "description": "Lignes acceptées des livraisons, en texte canonique ; on n'y fait qu'ajouter.",
        "loader": "lakou receive",
        "tables": tables,
    }
    body = yaml.safe_dump({"version": 2, "sources": [source]}, allow_unicode=True, sort_keys=False, width=110)
    return f"# {HEADER}\n{body}"


def generated_files(contracts: Mapping[str, Contract]) -> dict[Path, str]:
    """Text of every committed file that is made from the contracts, by its path in the checkout."""
    return {MIGRATION: raw_migration(contracts), SOURCES: dbt_sources(contracts)}


# ------------------------------------------------------------------------------------------------------- template


def write_template(contracts: Iterable[Contract], path: Path) -> None:
    """Write the workbook that a partner fills in: one sheet a feed, lists to choose from, a notice."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as workbook:
        for contract in contracts:
            _write_sheet(workbook, contract)
        for contract in contracts:
            _write_notice(workbook, contract)


def _write_sheet(workbook: xlsxwriter.Workbook, contract: Contract) -> None:
    sheet = workbook.add_worksheet(f"{contract.feed} {contract.name}"[:31])
    # the hidden row tells the feed whatever the file is called
    sheet.write_string(0, 0, f"{TEMPLATE_MARK}:{contract.feed}:{contract.version}")
    sheet.set_row(0, None, None, {"hidden": True})
    sheet.freeze_panes(2, 0)
    formats = {
        kind: workbook.add_format({"num_format": form})
        for kind, form in (("date", "dd/mm/yyyy"), ("number", "0.##"), ("integer", "0"), ("string", "@"))
    }
    required = workbook.add_format({"bold": True, "bg_color": "#F6D6C1", "border": 1, "text_wrap": True})
    optional = workbook.add_format({"bg_color": "#E8EEF4", "border": 1, "text_wrap": True})
    for index, column in enumerate(contract.columns):
        sheet.set_column(index, index, max(14, len(column.title) + 2), formats[column.type])
        sheet.write_string(1, index, column.title, required if column.required else optional)
        sheet.write_comment(1, index, _comment(column), {"x_scale": 2})
        _validate(sheet, index, column)


def _comment(column: Column) -> str:
    choice = f"\nValeurs : {', '.join(column.enum)}." if column.enum else ""
    return f"{column.description}{choice}\nExemple : {column.example}"


def _validate(sheet: Any, index: int, column: Column) -> None:
    rules: dict[str, Any] | None = None
    if column.enum and len(",".join(column.enum)) <= LONGEST_LIST:
        rules = {"validate": "list", "source": list(column.enum)}
    elif column.type == "date":
        from datetime import date

        rules = {"validate": "date", "criteria": ">", "value": date(1900, 1, 1)}
    elif column.type in {"integer", "number"} and column.minimum is not None and column.maximum is not None:
        kind = "integer" if column.type == "integer" else "decimal"
        rules = {"validate": kind, "criteria": "between", "minimum": column.minimum, "maximum": column.maximum}
    if rules is not None:
        notice = {"error_title": "Valeur non admise", "error_message": _comment(column)[:255], "error_type": "warning"}
        sheet.data_validation(2, index, TEMPLATE_ROWS, index, rules | notice)


def _write_notice(workbook: xlsxwriter.Workbook, contract: Contract) -> None:
    sheet = workbook.add_worksheet(f"Notice {contract.feed}")
    bold, wrap = workbook.add_format({"bold": True}), workbook.add_format({"text_wrap": True, "valign": "top"})
    sheet.write_string(0, 0, f"{contract.feed} {contract.title}, version {contract.version}", bold)
    sheet.write_string(1, 0, contract.description)
    sheet.write_string(2, 0, f"À déposer avant le {contract.due_day} du mois suivant : {_file_name(contract)}")
    for index, (title, width) in enumerate(zip(_NOTICE, (26, 26, 34, 60, 24), strict=True)):
        sheet.set_column(index, index, width)
        sheet.write_string(4, index, title, bold)
    for row, column in enumerate(contract.columns, start=5):
        for index, text in enumerate(_notice_row(column, contract)):
            sheet.write_string(row, index, text, wrap)


_NOTICE = ("Libellé", "Nom de colonne", "Obligatoire", "Ce qu'on y met", "Exemple")


def _notice_row(column: Column, contract: Contract) -> tuple[str, str, str, str, str]:
    choice = f" Valeurs : {', '.join(column.enum)}." if column.enum else ""
    return column.title, column.name, _obligation(column, contract), column.description + choice, column.example


def _obligation(column: Column, contract: Contract) -> str:
    if column.required:
        return "Oui"
    if column.required_when:
        titles = {item.name: item.title for item in contract.columns}
        return " et ".join(
            f"Si {titles[name].lower()} = {' ou '.join(values)}" for name, values in column.required_when
        )
    if "person" in column.checks:
        return "Le courriel, ou bien nom, prénom et année"
    if column.default:
        return f"Non (vide : {column.default})"
    return "Non"


def _file_name(contract: Contract) -> str:
    return f"{contract.feed}_{contract.name}__VOTRE-CODE__2026-03__v1.csv (ou .xlsx, .ods)"


# ----------------------------------------------------------------------------------------------------- dictionary

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{border:1px solid #c8c8c8;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "th{background:#eef2f6}code{background:#f3f3f3;padding:0 .2rem}"
)
_TREATMENTS = {
    "keep": "Gardée",
    "hmac": "Empreinte à clé, jamais chargée",
    "coarsen": "Tranche seulement",
    "drop": "Non chargée",
}
_TYPES = {"string": "texte", "integer": "entier", "number": "nombre", "date": "date"}


def dictionary_html(contracts: Iterable[Contract]) -> str:
    """A plain French page, whole in itself, that says what each column of each feed is."""
    sections = "\n".join(_section(contract) for contract in contracts)
    return (
        '<!doctype html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Dictionnaire des données</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        "<h1>Dictionnaire des données</h1>\n"
        "<p>L'ordre des colonnes est libre ; l'en-tête porte le nom de la colonne ou son libellé. "
        "Un fichier qui n'a que sa ligne d'en-tête déclare qu'il n'y a rien à déclarer.</p>\n"
        f"{sections}\n</body>\n</html>\n"
    )


def _section(contract: Contract) -> str:
    titles = {column.name: column.title.lower() for column in contract.columns} | {PERSON: "personne"}
    key = ", ".join(titles[name] for name in contract.key)
    head = (*_NOTICE, "Forme", "Devenir de la valeur")
    rows = [
        (*_notice_row(column, contract), _form(column), _TREATMENTS[column.treatment]) for column in contract.columns
    ]
    return (
        f'<section id="{contract.feed}">\n<h2>{_escape(contract.feed)} {_escape(contract.title)}</h2>\n'
        f"<p>{_escape(contract.description)} Version {_escape(contract.version)}, {_escape(contract.cadence)}, "
        f"avant le {contract.due_day} du mois suivant. Envoyé par : {_escape(contract.emitters.lower())}. "
        f"Une ligne par : {_escape(key)}. Nom du fichier : <code>{_escape(_file_name(contract))}</code>.</p>\n"
        f"<table>\n<thead>{_row(head, 'th')}</thead>\n<tbody>\n"
        + "\n".join(_row(row, "td") for row in rows)
        + "\n</tbody>\n</table>\n</section>"
    )


def _form(column: Column) -> str:
    length = f", {column.max_length} caractères au plus" if column.max_length else ""
    return _TYPES[column.type] + length


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


@click.command()
@click.option(
    "--check", is_flag=True, help="Change nothing; fail where a committed file is not what the contracts give."
)
def main(*, check: bool) -> None:
    """Write the files that are made from the contracts."""
    stale = []
    for path, text in generated_files(load_contracts()).items():
        target = CHECKOUT / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path))
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            click.echo(f"{path} written")
    if check and stale:
        click.echo(f"not what the contracts give: {', '.join(stale)}\n  To mend it: make contracts", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
