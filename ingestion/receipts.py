"""The receipt of each delivery, the rows to mend that go with it, and a partner's overview. In French."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion import mail, pages, rejects, reminders
from ingestion.contracts import load_contract, load_contracts
from ingestion.drop import write_atomically
from ingestion.loading import ACCEPTED, REFUSED, Delivery, find, next_part, source_of
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg

    from ingestion.contracts import Contract

SHOWN_PROBLEMS = 200
SHOWN_NOTES = 200
SHOWN_VALUES = 5
SHOWN_REVISIONS = 5
LONGEST_VALUE = 120
KEPT_NOTES = 2_000
# what a receipt keeps of a file with more; its counts by rule are exact all the same
KEPT_FINDINGS = 100_000
KEPT_REJECTS = 100_000
FINDINGS = {
    "row_number": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "message": pl.String,
    "remedy": pl.String,
}
_WAITING = {"row_number": pl.Int64, "value": pl.String, "feed": pl.String, "deadline": pl.String, "column": pl.String}
# rule of the finding that says a delivery is held
HELD = "VALIDATION-ATTENDUE"
HELD_SENTENCE = "Le fichier entier attend une validation : "
SEVERITIES = ("BLOQUE", "REFUSE", "ATTENTE", "AVERTISSEMENT", "NOTE")
_CSV_HEADER = ("ligne", "colonne", "valeur", "regle", "gravite", "message", "correction")
# what a spreadsheet would run, numbers apart; full-width signs are read as the plain ones
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
_NUMBER = r"^[+\-]?[0-9][0-9 .,\u00a0\u202f]*%?$"


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule was broken in a whole file: `findings` times, on so many `rows`."""

    rule_id: str
    severity: str
    findings: int
    rows: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the partner's own figures, without this delivery and with it."""

    title: str
    unit: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Group:
    """One rule broken in one column: the sentence once, and the lines.

    Args:
        column: name in the contract; empty where it is about the whole row or file.
        title: what the column is called in French.
        example_line: line that `message` and `remedy` are about, where they differ from line to line.
        lines: numbers of the lines; none where it is about the whole file.
        values: what was written most often, and how often.
    """

    severity: str
    rule_id: str
    column: str
    title: str
    message: str
    remedy: str
    example_line: int | None
    rows: int
    lines: tuple[int, ...]
    values: tuple[tuple[str, int], ...]


def issue(
    settings: Settings,
    connection: psycopg.Connection[Any],
    *,
    contract: Contract | None,
    delivery: Delivery,
    findings: pl.DataFrame,
    refused_source: pl.DataFrame | None,
    today: dt.date,
    rules: Sequence[RuleCount] | None = None,
    warnings: pl.DataFrame | None = None,
) -> None:
    """Write the receipt of a judged delivery (or its revision), note it and queue its mail; the caller commits.

    Args:
        findings: every finding of the delivery as it stands, shaped as `FINDINGS`; `KEPT_FINDINGS` at most.
        refused_source: the rows to mend as the partner wrote them (original header, and `_row_number`).
        rules: exact counts of the whole file; by default those of `findings`, or of the books for a revised receipt.
        warnings: further findings, which the books do not know yet.

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    folder = f"{delivery.partner_code}/accuses"
    earlier = _earlier(connection, delivery.delivery_id)
    stem = _own_stem(connection, delivery) if earlier else receipt_stem(delivery)
    _move_namesakes(settings, connection, delivery, stem, today)
    html, csv = f"{folder}/{stem}.accuse.html", f"{folder}/{stem}.accuse.csv"
    given = list(earlier[-1]["rejects"]) if earlier else []
    further = pl.DataFrame(schema=FINDINGS) if warnings is None else _in_order(warnings)
    ordered = _in_order(pl.concat([_in_order(findings), further]))
    # what a source gave is mended there: a file sent by hand would be undone by its next version
    rows = _to_give_back(delivery, refused_source) if source_of(connection, delivery) is None else None
    if contract is not None and rows is not None:
        part = next_part(connection, delivery)
        given.append(f"{folder}/{rejects.file_name(contract, delivery, part)}")
        data = rejects.workbook(rows, ordered, contract, delivery, part)
        write_atomically(settings.drop / given[-1], data)
    if rules is None and earlier and not delivery.is_blocked:
        rules = [*_rules_in_books(connection, delivery.delivery_id), *_counted(further)]
    body = _body(delivery, ordered, rules, today) | {
        "rejects": given,
        "figures": _figures(connection, contract, delivery),
    }
    page = _page(
        connection,
        contract=contract,
        delivery=delivery,
        findings=ordered,
        history=[*earlier, body],
        today=today,
        stem=stem,
    )
    write_atomically(settings.drop / csv, _csv(ordered))
    write_atomically(settings.drop / html, page)
    noted = connection.execute(
        "insert into ops.receipts (delivery_id, revision, state, html_path, csv_path, rejects_path, body)"
        " select %(delivery)s, coalesce(max(revision), 0) + 1, %(state)s, %(html)s, %(csv)s, %(rejects)s, %(body)s"
        " from ops.receipts where delivery_id = %(delivery)s returning revision",
        {
            "delivery": delivery.delivery_id,
            "state": delivery.state,
            "html": html,
            "csv": csv,
            "rejects": given[-1] if given else None,
            "body": json.dumps(body, ensure_ascii=False),
        },
    ).fetchone()
    assert noted is not None
    _queue_mail(connection, delivery, body, noted[0], has_files=bool(_not_sent_back(connection, delivery, given)))


def _own_stem(connection: psycopg.Connection[Any], delivery: Delivery) -> str:
    """What the name of a delivery's receipt begins with: its file's name, unless it left that to a namesake."""
    plain, aside = receipt_stem(delivery), _stem_aside(delivery)
    last = connection.execute(
        "select html_path from ops.receipts where delivery_id = %s order by revision desc limit 1",
        [delivery.delivery_id],
    ).fetchone()
    return aside if last and last[0] == _html_path(delivery, aside) else plain


def _stem_aside(delivery: Delivery) -> str:
    return f"{receipt_stem(delivery)}.{delivery.sha256[:8]}"


def _html_path(delivery: Delivery, stem: str) -> str:
    return f"{delivery.partner_code}/accuses/{stem}.accuse.html"


def _move_namesakes(
    settings: Settings, connection: psycopg.Connection[Any], delivery: Delivery, stem: str, today: dt.date
) -> None:
    """Give receipts of earlier files of the same name one of their own: the file's name tells the latest one.

    Rewritten from the books: stopped half-way, it is done again.
    """
    path = _html_path(delivery, stem)
    if not (settings.drop / path).exists():
        return
    others = connection.execute(
        "select d.delivery_id from ops.deliveries as d inner join lateral (select html_path from ops.receipts"
        " where delivery_id = d.delivery_id order by revision desc limit 1) as r on r.html_path = %s"
        " where d.partner_code = %s and d.delivery_id <> %s order by d.delivery_id",
        [path, delivery.partner_code, delivery.delivery_id],
    ).fetchall()
    for (delivery_id,) in others:
        other = find(connection, delivery_id)
        assert other is not None
        aside = _stem_aside(other)
        _write_again(
            settings,
            connection,
            delivery=other,
            today=today,
            stem=aside,
            again=f"Un autre fichier du même nom a été reçu le {pages.moment(delivery.received_at)} et a son accusé.",
        )
        connection.execute(
            "insert into ops.receipts (delivery_id, revision, state, html_path, csv_path, rejects_path, body)"
            " select delivery_id, revision + 1, state, %s, %s, rejects_path, body from ops.receipts"
            " where delivery_id = %s order by revision desc limit 1",
            [_html_path(other, aside), _html_path(other, aside).removesuffix("html") + "csv", delivery_id],
        )


def answer_again(
    settings: Settings,
    connection: psycopg.Connection[Any],
    *,
    delivery: Delivery,
    today: dt.date,
    file_name: str | None = None,
) -> None:
    """Write the receipt of a delivery once more from the books; the caller commits.

    Args:
        file_name: name under which the same contents came again; none to put back the receipt as it was.

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    stem, again = _own_stem(connection, delivery), ""
    if file_name:
        stem = receipt_stem(delivery, file_name)
        again = f"Ce fichier a déjà été reçu le {pages.moment(delivery.received_at)} : rien ne change."
        _move_namesakes(settings, connection, delivery, stem, today)
    _write_again(settings, connection, delivery=delivery, today=today, stem=stem, again=again, shown_name=file_name)


def _write_again(
    settings: Settings,
    connection: psycopg.Connection[Any],
    *,
    delivery: Delivery,
    today: dt.date,
    stem: str,
    again: str,
    shown_name: str | None = None,
) -> None:
    contract = load_contract(delivery.feed) if delivery.feed else None
    findings = _in_order(findings_in_books(connection, contract, delivery.delivery_id))
    history = _earlier(connection, delivery.delivery_id)
    if not history:
        history = [_body(delivery, findings, None, today) | {"rejects": [], "figures": []}]
    page = _page(
        connection,
        contract=contract,
        delivery=delivery,
        findings=findings,
        history=history,
        today=today,
        stem=stem,
        again=again,
        shown_name=shown_name,
    )
    path = settings.drop / _html_path(delivery, stem)
    write_atomically(path.with_suffix(".csv"), _csv(findings))
    write_atomically(path, page)


def preview(
    folder: Path,
    *,
    contract: Contract | None,
    delivery: Delivery,
    findings: pl.DataFrame,
    refused_source: pl.DataFrame | None,
    today: dt.date,
    rules: Sequence[RuleCount] | None = None,
) -> Path:
    """Write into `folder` the receipt that a file would get, with its rows to mend; the books are not looked at.

    Returns:
        The page.

    Raises:
        LakouError: the folder cannot be written.
    """
    ordered = _in_order(findings)
    stem = receipt_stem(delivery)
    given: list[str] = []
    rows = _to_give_back(delivery, refused_source)
    if contract is not None and rows is not None:
        given.append(rejects.file_name(contract, delivery, delivery.part + 1))
        data = rejects.workbook(rows, ordered, contract, delivery, delivery.part + 1)
        write_atomically(folder / given[0], data)
    body = _body(delivery, ordered, rules, today) | {"rejects": given, "figures": []}
    page = _rendered(
        contract=contract,
        delivery=delivery,
        findings=ordered,
        history=[body],
        stem=stem,
        files=given,
        due=[],
        is_preview=True,
    )
    write_atomically(folder / f"{stem}.accuse.csv", _csv(ordered))
    path = folder / f"{stem}.accuse.html"
    write_atomically(path, page)
    return path


def receipt_stem(delivery: Delivery, file_name: str | None = None) -> str:
    """What a receipt's name begins with: the file's full name, and the feed where a workbook carries several.

    Of an export that holds several periods, the feed and the period.
    """
    name = file_name or delivery.file_name
    if delivery.sheet and delivery.sheet == delivery.period:
        return f"{name}.{delivery.feed}.{delivery.period}"
    return f"{name}.{delivery.feed}" if delivery.sheet and delivery.feed else name


def findings_in_books(connection: psycopg.Connection[Any], contract: Contract | None, delivery_id: str) -> pl.DataFrame:
    """Every finding of a delivery as it stands now (`KEPT_FINDINGS` of a kind at most), from quarantine, its holds and
    the notes of its last receipt.
    """
    # what once blocked a file that was taken since is history
    refused = connection.execute(
        "select r.row_number, r.column_name, r.value, r.rule_id, r.severity, r.message, r.remedy"
        " from quarantine.rejected_rows as r inner join ops.deliveries as d on d.delivery_id = r.delivery_id"
        " where r.delivery_id = %s and (r.severity <> 'BLOQUE' or d.is_blocked) order by r.row_number limit %s",
        [delivery_id, KEPT_FINDINGS],
    ).fetchall()
    waiting = connection.execute(
        "select row_number, awaited_id, awaited_feed, to_char(deadline_on, 'DD/MM/YYYY'), awaited_column"
        " from quarantine.awaiting_rows where delivery_id = %s and outcome is null order by row_number limit %s",
        [delivery_id, KEPT_FINDINGS],
    ).fetchall()
    last = connection.execute(
        "select body -> 'notes' from ops.receipts where delivery_id = %s order by revision desc limit 1", [delivery_id]
    ).fetchone()
    notes = pl.DataFrame(last[0] if last else [], schema=FINDINGS, orient="row")
    frames = (
        pl.DataFrame(refused, schema=FINDINGS, orient="row"),
        awaiting_findings(pl.DataFrame(waiting, schema=_WAITING, orient="row"), contract),
        notes.filter(pl.col("rule_id") != HELD),
        held_findings(connection, delivery_id),
    )
    return pl.concat(frames)


def held_findings(connection: psycopg.Connection[Any], delivery_id: str) -> pl.DataFrame:
    """Why a delivery waits for a person, as findings on the whole file; none where nothing holds it."""
    held = connection.execute(
        "select 0, '', null, %s, 'AVERTISSEMENT', %s || rtrim(reason, '. ') || '.', %s from ops.holds"
        " where delivery_id = %s and released_at is null order by hold_id",
        [
            HELD,
            HELD_SENTENCE,
            "Rien à faire pour l'instant : l'équipe de pilotage vérifie, et cet accusé dira la suite.",
            delivery_id,
        ],
    ).fetchall()
    return pl.DataFrame(held, schema=FINDINGS, orient="row")


def awaiting_findings(rows: pl.DataFrame, contract: Contract | None) -> pl.DataFrame:
    """The sentences for rows that wait.

    Args:
        rows: `row_number`, `value` (what is waited for), `feed` (that brings it), `deadline` (as shown) and `column`
            (that cannot be judged yet).
        contract: of these rows.
    """
    missing = pl.col("column").replace_strict(_awaited_dates(contract), default=None, return_dtype=pl.String)
    value, feed, deadline = pl.col("value"), pl.col("feed"), pl.col("deadline")
    return rows.select(
        pl.col("row_number").cast(pl.Int64),
        pl.col("column").fill_null(""),
        "value",
        pl.lit("REFERENCE-ATTENDUE").alias("rule_id"),
        pl.lit("ATTENTE").alias("severity"),
        pl.when(missing.is_null())
        .then(pl.format("« {} » n'est pas encore connu : la ligne attend, sans être comptée.", value))
        .otherwise(pl.format("« {} » n'a pas encore de « {} » : la ligne attend, sans être comptée.", value, missing))
        .alias("message"),
        pl.format(
            "Rien à renvoyer si le flux {} le déclare au plus tard le {} ; sinon la ligne sera refusée.", feed, deadline
        ).alias("remedy"),
    )


def _awaited_dates(contract: Contract | None) -> dict[str, str]:
    """Columns that are judged against a date of the object referred to, and what that date is called."""
    if contract is None or contract.reference is None or contract.reference.references is None:
        return {}
    objects = load_contract(contract.reference.references.feeds[0][1])
    return {rule.column: objects.column(rule.of).title for rule in contract.object_dates}


def write_index(
    settings: Settings, connection: psycopg.Connection[Any], partner_code: str, partner_name: str, today: dt.date
) -> None:
    """Write `index.html`: where a partner stands, what waits for it, and every delivery with its receipt.

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    reminders.write_index(
        settings, partner_code, partner_name, reminders.overview(connection, partner_code, today), today
    )


def groups(findings: pl.DataFrame, contract: Contract | None) -> list[Group]:
    """Findings gathered by rule and column, the gravest first: the sentence once where it says the same of each line."""
    titles = {column.name: column.title for column in contract.columns} if contract else {}
    quoted = "« " + pl.col("value").fill_null("") + " »"
    gathered = (
        _in_order(findings)
        .with_columns(
            pl.col("column", "value", "remedy", "message").fill_null(""),
            # one sentence for all values, where nothing else in it differs
            pl.col("message").str.split(quoted).list.join("« … »").alias("_said"),
        )
        .group_by("severity", "rule_id", "column", maintain_order=True)
        .agg(
            pl.col("_said").n_unique().alias("_sentences"),
            pl.col("remedy").n_unique().alias("_remedies"),
            pl.col("message").n_unique().alias("_messages"),
            pl.col("_said", "message", "remedy").first(),
            pl.col("row_number").filter(pl.col("row_number") > 0).unique().sort().alias("lines"),
            pl.col("value").filter(pl.col("value") != "").value_counts(sort=True).head(SHOWN_VALUES).alias("values"),
        )
    )
    made = []
    for row in gathered.iter_rows(named=True):
        is_same = row["_sentences"] == 1 and row["_remedies"] == 1
        lines = tuple(row["lines"])
        made.append(
            Group(
                severity=row["severity"],
                rule_id=row["rule_id"],
                column=row["column"],
                title=titles.get(row["column"], row["column"]),
                message=row["message"] if row["_messages"] == 1 or not is_same else row["_said"],
                remedy=row["remedy"],
                example_line=None if is_same or not lines else lines[0],
                rows=len(lines),
                lines=lines,
                values=tuple((item["value"], item["count"]) for item in row["values"]),
            )
        )
    return made


def meaning(delivery: Delivery, *, warnings: int, is_held: bool) -> str:
    """What the word of a receipt means for this delivery, in one or two French sentences."""
    if delivery.is_blocked:
        return (
            "Le fichier entier est refusé : aucune de ses lignes n'est prise en compte, et il ne remplace rien de ce que"
            " vous avez remis auparavant."
        )
    if delivery.state == REFUSED:
        what = pages.agreed(
            delivery.rows_received, "La seule ligne du fichier est refusée", "Toutes les lignes sont refusées"
        )
        return f"{what} : le fichier n'est pas pris en compte et ne remplace rien."
    if is_held:
        return (
            "Le fichier a été lu, mais il attend une validation de l'équipe de pilotage : d'ici là, il ne compte dans"
            " aucun chiffre."
        )
    if not delivery.rows_received:
        return "Le fichier n'a aucune ligne : c'est noté, vous n'avez rien à déclarer pour cette période."
    return _meaning_of_rows(delivery, warnings)


def _meaning_of_rows(delivery: Delivery, warnings: int) -> str:
    received, accepted = delivery.rows_received, delivery.rows_accepted
    if accepted == received:
        all_of_them = pages.agreed(
            received, "Votre ligne est prise en compte", "Toutes vos lignes sont prises en compte"
        )
        checks = f", avec {pages.plural(warnings, 'avertissement', 'avertissements')} à vérifier" if warnings else ""
        return f"{all_of_them}{checks}."
    left = []
    if delivery.rows_rejected:
        left.append(pages.plural(delivery.rows_rejected, "ligne est refusée", "lignes sont refusées"))
    if delivery.rows_awaiting:
        left.append(pages.plural(delivery.rows_awaiting, "ligne est en attente", "lignes sont en attente"))
    rest = " et ".join(left)
    if not accepted:
        return f"Aucune ligne n'est encore prise en compte : {rest}."
    taken = f"{pages.plural(accepted, 'ligne', 'lignes')} sur {pages.number(received)}"
    return f"{taken} {pages.agreed(accepted, 'est prise', 'sont prises')} en compte ; {rest}."


def changes(first: Mapping[str, Any], last: Mapping[str, Any]) -> list[str]:
    """What became of a delivery since its first receipt, in French sentences."""
    said = []
    if first["state"] != last["state"]:
        said.append(f"L'état était {first['state']}, il est maintenant {last['state']}.")
    settled = first["rows_awaiting"] - last["rows_awaiting"]
    if settled > 0:
        waited = pages.agreed(settled, "ligne qui attendait est réglée", "lignes qui attendaient sont réglées")
        accepted, refused = (max(last[name] - first[name], 0) for name in ("rows_accepted", "rows_rejected"))
        fates = [
            pages.plural(accepted, "acceptée", "acceptées") if accepted else "",
            pages.plural(refused, "refusée", "refusées") if refused else "",
        ]
        said.append(f"{pages.number(settled)} {waited} : {' et '.join(filter(None, fates))}.")
    if first["is_held"] and not last["is_held"]:
        said.append("La validation a été donnée : le fichier compte dans les prochains chiffres.")
    if last["is_held"] and not first["is_held"]:
        said.append("Le fichier est désormais soumis à une validation.")
    return said or ["Les comptes sont les mêmes qu'au premier accusé."]


def _in_order(findings: pl.DataFrame) -> pl.DataFrame:
    # most files have none
    if findings.is_empty():
        return pl.DataFrame(schema=FINDINGS)
    return (
        findings.select(pl.col(name).cast(kind) for name, kind in FINDINGS.items())
        .with_columns(pl.col("severity").cast(pl.Enum(SEVERITIES)).alias("_order"))
        .sort("_order", "row_number", "column", "rule_id", maintain_order=True)
        .drop("_order")
    )


def _body(
    delivery: Delivery, findings: pl.DataFrame, rules: Sequence[RuleCount] | None, today: dt.date
) -> dict[str, Any]:
    """What the books keep of a receipt."""
    rules = _counted(findings) if rules is None else rules
    notes = findings.filter(pl.col("severity").is_in(["AVERTISSEMENT", "NOTE"]))
    return {
        "state": delivery.state,
        "on": today.isoformat(),
        "rows_received": delivery.rows_received,
        "rows_accepted": delivery.rows_accepted,
        "rows_awaiting": delivery.rows_awaiting,
        "rows_rejected": delivery.rows_rejected,
        "warnings": sum(rule.findings for rule in rules if rule.severity == "AVERTISSEMENT"),
        "is_held": HELD in findings["rule_id"],
        "rules": [asdict(rule) for rule in rules],
        "notes": notes.head(KEPT_NOTES).to_dicts(),
    }


def _counted(findings: pl.DataFrame) -> list[RuleCount]:
    if findings.is_empty():
        return []
    counted = findings.group_by("rule_id", "severity", maintain_order=True).agg(
        pl.len().alias("findings"), pl.col("row_number").n_unique().alias("rows")
    )
    return [RuleCount(**row) for row in counted.to_dicts()]


def _earlier(connection: psycopg.Connection[Any], delivery_id: str) -> list[dict[str, Any]]:
    """Bodies of the receipts of a delivery so far, the first one first, less their notes."""
    rows = connection.execute(
        "select body - 'notes' from ops.receipts where delivery_id = %s order by revision", [delivery_id]
    )
    return [{"is_held": False, "figures": [], "on": None} | body for (body,) in rows]


def _figures(
    connection: psycopg.Connection[Any], contract: Contract | None, delivery: Delivery
) -> list[dict[str, Any]]:
    """The partner's own figures of this period, without this delivery and with it."""
    if contract is None or not contract.measures or delivery.is_blocked:
        return []
    from ingestion.measuring import in_force, measures

    # a file of rows to mend adds to its version, another one stands for its whole period; refused, it replaces nothing
    before = _other_parts(connection, delivery) if delivery.part else in_force(connection, delivery)
    kept = before if delivery.part or delivery.state == REFUSED else ()
    after = measures(connection, contract, (*kept, delivery.delivery_id))
    former = {value.title: value.value for value in measures(connection, contract, before)} if before else {}
    return [asdict(Figure(value.title, value.unit, former.get(value.title, 0.0), value.value)) for value in after]


def _rules_in_books(connection: psycopg.Connection[Any], delivery_id: str) -> list[RuleCount]:
    """Exact counts of a delivery that has a receipt: findings kept in memory may be fewer."""
    rows = connection.execute(
        "select rule_id, severity, count(*), count(distinct row_number) from quarantine.rejected_rows"
        " where delivery_id = %(delivery)s and severity = 'REFUSE' group by rule_id, severity"
        " union all select 'REFERENCE-ATTENDUE', 'ATTENTE', count(*), count(*) from quarantine.awaiting_rows"
        " where delivery_id = %(delivery)s and outcome is null having count(*) > 0"
        " union all select %(held)s, 'AVERTISSEMENT', count(*), 1 from ops.holds"
        " where delivery_id = %(delivery)s and released_at is null having count(*) > 0"
        " union all select r.rule_id, r.severity, r.findings, r.rows from (select body -> 'rules' as rules"
        " from ops.receipts where delivery_id = %(delivery)s order by revision desc limit 1) as last,"
        " jsonb_to_recordset(last.rules) as r (rule_id text, severity text, findings bigint, rows bigint)"
        " where r.severity in ('AVERTISSEMENT', 'NOTE') and r.rule_id <> %(held)s",
        {"delivery": delivery_id, "held": HELD},
    ).fetchall()
    return [RuleCount(*row) for row in rows]


def _to_give_back(delivery: Delivery, rows: pl.DataFrame | None) -> pl.DataFrame | None:
    """The rows to mend; none where there is no row, or so many that a whole version is asked for instead."""
    return None if rows is None or rows.is_empty() or delivery.rows_rejected > KEPT_REJECTS else rows


def _other_parts(connection: psycopg.Connection[Any], delivery: Delivery) -> tuple[str, ...]:
    rows = connection.execute(
        "select delivery_id from ops.deliveries where partner_code = %s and feed = %s and period = %s and version = %s"
        " and part <> %s and received_at <= %s and not is_blocked and state <> %s",
        [
            delivery.partner_code, delivery.feed, delivery.period, delivery.version, delivery.part,
            delivery.received_at, REFUSED,
        ],
    ).fetchall()  # fmt: skip
    return tuple(delivery_id for (delivery_id,) in rows)


def _not_sent_back(connection: psycopg.Connection[Any], delivery: Delivery, given: Sequence[str]) -> list[str]:
    """Names of the files of rows to mend that the partner has still to send back."""
    if not given:
        return []
    parts = connection.execute(
        "select part from ops.deliveries where partner_code = %s and feed = %s and period = %s and version = %s"
        " and not is_blocked",
        [delivery.partner_code, delivery.feed, delivery.period, delivery.version],
    ).fetchall()
    received = tuple(f".rejets{part}" for (part,) in parts)
    return [PurePosixPath(path).name for path in given if not PurePosixPath(path).stem.endswith(received)]


def _page(
    connection: psycopg.Connection[Any],
    *,
    contract: Contract | None,
    delivery: Delivery,
    findings: pl.DataFrame,
    history: Sequence[Mapping[str, Any]],
    today: dt.date,
    stem: str,
    again: str = "",
    shown_name: str | None = None,
) -> bytes:
    return _rendered(
        contract=contract,
        delivery=delivery,
        findings=findings,
        history=history,
        stem=stem,
        files=_not_sent_back(connection, delivery, history[-1]["rejects"]),
        names=[] if delivery.feed else _names(connection, delivery.partner_code),
        due=reminders.next_due(connection, delivery.partner_code, min(today, delivery.received_at.date())),
        again=again,
        shown_name=shown_name,
        source=source_of(connection, delivery),
    )


def _names(connection: psycopg.Connection[Any], partner_code: str) -> list[str]:
    """Names that this partner's files may have, one a feed."""
    row = connection.execute("select feeds from ops.partners where partner_code = %s", [partner_code]).fetchone()
    known = load_contracts()
    return [pages.example_name(known[feed], partner_code) for feed in (row[0] if row else ()) if feed in known]


def _rendered(
    *,
    contract: Contract | None,
    delivery: Delivery,
    findings: pl.DataFrame,
    history: Sequence[Mapping[str, Any]],
    stem: str,
    files: Sequence[str],
    due: Sequence[reminders.Expected],
    again: str = "",
    shown_name: str | None = None,
    is_preview: bool = False,
    names: Sequence[str] = (),
    source: str | None = None,
) -> bytes:
    """The page of a receipt.

    Args:
        history: bodies of the receipts so far; the last one is this one's.
        stem: what the names of the receipt's files begin with.
        files: rows to mend that are still to be sent back.
        due: what is to be delivered next.
        again: said first where the same contents came again, under `shown_name`.
        names: how files of this partner may be called, where this one's name told nothing.
        source: that was pulled to make the file; none where a person dropped it.
    """
    body = history[-1]
    problems = findings.filter((pl.col("severity") != "NOTE") & (pl.col("rule_id") != HELD))
    counted = sum(rule["findings"] for rule in body["rules"] if rule["severity"] != "NOTE" and rule["rule_id"] != HELD)
    return pages.render(
        "accuse.html.j2",
        delivery=delivery,
        contract=contract,
        file_name=shown_name or delivery.file_name,
        stem=stem,
        tone={ACCEPTED: "good", REFUSED: "bad"}.get(delivery.state, "mixed"),
        meaning=meaning(delivery, warnings=_warnings(body), is_held=body["is_held"]),
        is_held=body["is_held"],
        held_reasons=_held_reasons(findings),
        warnings=_warnings(body),
        groups=groups(problems, contract),
        problems=problems.head(SHOWN_PROBLEMS).with_columns(_shortened("value")).to_dicts(),
        titles={column.name: column.title for column in contract.columns} if contract else {},
        problem_count=max(problems.height, counted),
        rules=[rule for rule in body["rules"] if rule["severity"] != "NOTE" and rule["rule_id"] != HELD],
        is_cut=counted > problems.height,
        notes=groups(findings.filter(pl.col("severity") == "NOTE"), contract)[:SHOWN_NOTES],
        figures=[Figure(**figure) for figure in body["figures"]],
        history=_shown_history(history),
        changes=changes(history[0], body),
        revisions=len(history),
        files=files,
        names=names,
        has_sent_back=bool(body["rejects"]) and not files,
        is_too_much=delivery.rows_rejected > KEPT_REJECTS,
        due=due,
        again=again,
        is_preview=is_preview,
        source=source,
    )


def _held_reasons(findings: pl.DataFrame) -> list[str]:
    """Why the file waits, one reason a line."""
    said = findings.filter(pl.col("rule_id") == HELD)["message"].str.strip_prefix(HELD_SENTENCE).to_list()
    reasons = [reason.strip(" .") for text in said for reason in text.split(" ; ")]
    return [f"{reason[:1].upper()}{reason[1:]}." for reason in reasons if reason]


def _shown_history(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """The first receipt and the last ones, numbered, with their days as a partner reads them."""
    numbered = list(enumerate(history, start=1))
    return [
        (number, {**body, "on": pages.day(dt.date.fromisoformat(body["on"])) if body["on"] else ""})
        for number, body in [*numbered[:1], *numbered[1:][-SHOWN_REVISIONS:]]
    ]


def _warnings(body: Mapping[str, Any]) -> int:
    """Warnings, that of a hold left out."""
    held: int = sum(rule["findings"] for rule in body["rules"] if rule["rule_id"] == HELD)
    return int(body["warnings"]) - held


def _shortened(name: str) -> pl.Expr:
    text = pl.col(name)
    return (
        pl.when(text.str.len_chars() > LONGEST_VALUE)
        .then(text.str.head(LONGEST_VALUE) + "…")
        .otherwise(text)
        .alias(name)
    )


def _csv(findings: pl.DataFrame) -> bytes:
    """A CSV that a spreadsheet opens right, and of which it runs nothing."""
    if findings.is_empty():
        return f"\ufeff{';'.join(_CSV_HEADER)}\r\n".encode()
    text = pl.col(pl.String)
    frame = findings.with_columns(
        pl.when(text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)).then("'" + text).otherwise(text).name.keep()
    )
    frame.columns = list(_CSV_HEADER)
    return frame.write_csv(separator=";", include_bom=True, line_terminator="\r\n").encode()


def _queue_mail(
    connection: psycopg.Connection[Any], delivery: Delivery, body: Mapping[str, Any], revision: int, *, has_files: bool
) -> None:
    """Queue the mail of a receipt: its word, its counts and where to look; no value of the file, nor its name."""
    if delivery.feed and delivery.period:
        what = f"{delivery.feed}, {pages.period(delivery.period)}, version {delivery.version}"
        what += f", complément {delivery.part}" if delivery.part else ""
    else:
        what = "un fichier dont le nom n'est pas reconnu"
    counts = [
        f"- {pages.plural(delivery.rows_received, 'ligne reçue', 'lignes reçues')}",
        f"- {pages.plural(delivery.rows_accepted, 'acceptée', 'acceptées')}",
        f"- {pages.number(delivery.rows_awaiting)} en attente",
        f"- {pages.plural(delivery.rows_rejected, 'refusée', 'refusées')}",
    ]
    lines = [
        "Bonjour,",
        "",
        f"{'Voici' if revision == 1 else 'Il y a du nouveau :'} l'accusé de réception de {what}"
        f" (reçu le {pages.moment(delivery.received_at)}).",
        "",
        f"{delivery.state}. {meaning(delivery, warnings=_warnings(body), is_held=body['is_held'])}",
        *([] if delivery.is_blocked else ["", *counts]),
        "",
        "Le détail, ligne par ligne, est dans votre dossier « accuses » (page index.html).",
    ]
    if has_files:
        lines.append("Les lignes à corriger vous y attendent dans un classeur .rejets, à déposer une fois corrigé.")
    mail.queue(
        connection,
        delivery.partner_code,
        f"{'Accusé' if revision == 1 else 'Accusé révisé'} {what} : {delivery.state}",
        "\n".join([*lines, "", mail.signature(), ""]),
        (delivery.delivery_id, revision),
    )
