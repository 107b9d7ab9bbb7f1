"""What a partner reads: the receipt of each delivery, the rows to mend, and the list of what is expected. In French."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.drop import write_atomically
from ingestion.loading import ACCEPTED, PROGRAMME_ZONE, RECEIVED, REFUSED, Delivery, next_part, of_partner
from ingestion.naming import MONTHS, parse_period
from ingestion.settings import Settings

if TYPE_CHECKING:
    import psycopg
    from jinja2 import Environment

    from ingestion.contracts import Contract
    from ingestion.reading import Table

SHOWN_PROBLEMS = 200
KEPT_NOTES = 2_000
NARROW_SPACE = "\u202f"
FINDINGS = {
    "row_number": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "rule_id": pl.String,
    "severity": pl.String,
    "message": pl.String,
    "remedy": pl.String,
}
_WAITING = {"row_number": pl.Int64, "value": pl.String, "feed": pl.String, "deadline": pl.String}
# rule of the finding that says a delivery is held
HELD = "VALIDATION-ATTENDUE"
SEVERITIES = ("BLOQUE", "REFUSE", "ATTENTE", "AVERTISSEMENT", "NOTE")
SEVERITY_LABELS = {
    "BLOQUE": "fichier refusé",
    "REFUSE": "ligne refusée",
    "ATTENTE": "en attente",
    "AVERTISSEMENT": "avertissement",
    "NOTE": "note",
}
_CSV_HEADER = ("ligne", "colonne", "valeur", "regle", "gravite", "message", "correction")


@dataclass(frozen=True, slots=True)
class Expected:
    """One delivery due; `status` is `reçu`, `à corriger`, `en retard` or `attendu`."""

    feed: str
    period: str
    due_on: dt.date
    status: str


def issue(
    settings: Settings,
    connection: psycopg.Connection[Any],
    *,
    contract: Contract | None,
    delivery: Delivery,
    findings: pl.DataFrame,
    refused_source: pl.DataFrame | None,
    today: dt.date,
) -> None:
    """Write the receipt of a judged delivery (or its revision) and note it; the caller commits.

    Args:
        findings: every finding of the delivery as it stands, shaped as `FINDINGS`.
        refused_source: the rows to mend as the partner wrote them (original header, and `_row_number`).

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    folder = f"{delivery.partner_code}/accuses"
    html, csv = f"{folder}/{delivery.file_name}.accuse.html", f"{folder}/{delivery.file_name}.accuse.csv"
    given = _rejects_given(connection, delivery.delivery_id)
    if contract is not None and refused_source is not None and not refused_source.is_empty():
        extension = "csv" if delivery.file_name.lower().endswith(".csv") else "xlsx"
        name = (
            f"{contract.feed}_{contract.name}__{delivery.partner_code}__{delivery.period}"
            f"__v{delivery.version}.rejets{next_part(connection, delivery)}.{extension}"
        )
        given = [*given, f"{folder}/{name}"]
        write_atomically(settings.drop / given[-1], _rejects_file(refused_source.drop("_row_number"), extension))
    ordered = _in_order(findings)
    body = _body(delivery, ordered, given)
    page = _receipt_html(connection, contract=contract, delivery=delivery, findings=ordered, body=body, today=today)
    write_atomically(settings.drop / csv, _receipt_csv(ordered))
    write_atomically(settings.drop / html, page)
    connection.execute(
        "insert into ops.receipts (delivery_id, revision, state, html_path, csv_path, rejects_path, body)"
        " select %(delivery)s, coalesce(max(revision), 0) + 1, %(state)s, %(html)s, %(csv)s, %(rejects)s, %(body)s"
        " from ops.receipts where delivery_id = %(delivery)s",
        {
            "delivery": delivery.delivery_id,
            "state": delivery.state,
            "html": html,
            "csv": csv,
            "rejects": given[-1] if given else None,
            "body": json.dumps(body, ensure_ascii=False),
        },
    )


def answer_again(
    settings: Settings,
    connection: psycopg.Connection[Any],
    *,
    contract: Contract | None,
    delivery: Delivery,
    today: dt.date,
    file_name: str | None = None,
) -> None:
    """Write the receipt of a delivery once more from the books; nothing else changes.

    Args:
        file_name: name under which the same contents came again; none to put back the receipt as it was.

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    findings = _in_order(findings_in_books(connection, contract, delivery.delivery_id))
    body = _body(delivery, findings, _rejects_given(connection, delivery.delivery_id))
    base = settings.drop / delivery.partner_code / "accuses"
    again = f"Ce fichier a déjà été reçu le {moment(delivery.received_at)} : rien ne change." if file_name else None
    page = _receipt_html(
        connection, contract=contract, delivery=delivery, findings=findings, body=body, today=today, again=again
    )
    write_atomically(base / f"{file_name or delivery.file_name}.accuse.csv", _receipt_csv(findings))
    write_atomically(base / f"{file_name or delivery.file_name}.accuse.html", page)


def findings_in_books(connection: psycopg.Connection[Any], contract: Contract | None, delivery_id: str) -> pl.DataFrame:
    """Every finding of a delivery as it stands now, from quarantine, its holds and the last receipt's notes."""
    # what once blocked a file that was taken since is history
    refused = connection.execute(
        "select r.row_number, r.column_name, r.value, r.rule_id, r.severity, r.message, r.remedy"
        " from quarantine.rejected_rows as r inner join ops.deliveries as d on d.delivery_id = r.delivery_id"
        " where r.delivery_id = %s and (r.severity <> 'BLOQUE' or d.is_blocked)",
        [delivery_id],
    ).fetchall()
    waiting = connection.execute(
        "select row_number, awaited_id, awaited_feed, to_char(deadline_on, 'DD/MM/YYYY') from quarantine.awaiting_rows"
        " where delivery_id = %s and outcome is null",
        [delivery_id],
    ).fetchall()
    last = connection.execute(
        "select body -> 'notes' from ops.receipts where delivery_id = %s order by revision desc limit 1", [delivery_id]
    ).fetchone()
    held = connection.execute(
        "select 0, '', null, %s, 'AVERTISSEMENT', 'Le fichier entier attend une validation : ' || reason || '.', %s"
        " from ops.holds where delivery_id = %s and released_at is null order by hold_id",
        [HELD, "Rien à faire pour l'instant : l'équipe de pilotage vérifie, et cet accusé dira la suite.", delivery_id],
    ).fetchall()
    column = contract.reference.name if contract is not None and contract.reference is not None else ""
    notes = pl.DataFrame(last[0] if last else [], schema=FINDINGS, orient="row")
    frames = (
        pl.DataFrame(refused, schema=FINDINGS, orient="row"),
        awaiting_findings(pl.DataFrame(waiting, schema=_WAITING, orient="row"), column),
        notes.filter(pl.col("rule_id") != HELD),
        pl.DataFrame(held, schema=FINDINGS, orient="row"),
    )
    return pl.concat(frames)


def awaiting_findings(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """The sentences for rows that wait.

    Args:
        rows: `row_number`, `value` (what is waited for), `feed` (that brings it), `deadline` (as shown).
        column: the column that names what is waited for.
    """
    return rows.select(
        pl.col("row_number").cast(pl.Int64),
        pl.lit(column).alias("column"),
        "value",
        pl.lit("REFERENCE-ATTENDUE").alias("rule_id"),
        pl.lit("ATTENTE").alias("severity"),
        ("« " + pl.col("value") + " » n'est pas encore connu : la ligne attend, sans être comptée.").alias("message"),
        (
            "Rien à renvoyer si le flux "
            + pl.col("feed")
            + " le déclare au plus tard le "
            + pl.col("deadline")
            + " ; sinon la ligne sera refusée."
        ).alias("remedy"),
    )


def source_rows(table: Table, numbers: set[int]) -> pl.DataFrame:
    """Some rows of a file as the partner wrote them, under its own header, and `_row_number`."""
    names: list[str] = []
    for position, cell in enumerate(table.header, start=1):
        name = cell.strip() or f"colonne {position}"
        names.append(name if name not in names else f"{name} ({position})")
    renamed = {f"c{position}": name for position, name in enumerate(names) if f"c{position}" in table.cells.columns}
    return table.cells.filter(pl.col("_row_number").is_in(list(numbers))).rename(renamed)


def write_index(
    settings: Settings, connection: psycopg.Connection[Any], partner_code: str, partner_name: str, today: dt.date
) -> None:
    """Write `index.html`: every delivery of a partner with its state, and what is expected by when.

    Raises:
        LakouError: the partner's folder cannot be written.
    """
    page = render(
        "index.html.j2",
        partner_code=partner_code,
        partner_name=partner_name,
        today=today,
        deliveries=of_partner(connection, partner_code),
        expected=expected_of(connection, partner_code, today),
    )
    write_atomically(settings.drop / partner_code / "accuses" / "index.html", page)


def expected_of(connection: psycopg.Connection[Any], partner_code: str, today: dt.date) -> list[Expected]:
    """What a partner owes, the newest first."""
    rows = connection.execute(
        "select e.feed, e.period, e.due_on,"
        " coalesce(bool_or(d.state <> %(refused)s), false), count(d.delivery_id) > 0"
        " from ops.expected_deliveries as e left join ops.deliveries as d on d.partner_code = e.partner_code"
        " and d.feed = e.feed and d.period_start <= e.period_start and d.period_end >= e.period_end"
        " and d.state <> %(received)s"
        " where e.partner_code = %(partner)s group by e.feed, e.period, e.due_on order by e.due_on desc, e.feed",
        {"refused": REFUSED, "received": RECEIVED, "partner": partner_code},
    )
    return [
        Expected(
            feed,
            period,
            due_on,
            "reçu" if taken else "à corriger" if tried else "en retard" if due_on < today else "attendu",
        )
        for feed, period, due_on, taken, tried in rows
    ]


def render(template: str, **values: Any) -> bytes:
    """One of `ingestion/templates`, as UTF-8."""
    return _environment().get_template(template).render(values).encode()


def number(value: int) -> str:
    """`12 345`, with the space that does not break."""
    return f"{value:,}".replace(",", NARROW_SPACE)


def count(value: int, noun: str, feminine_participle: str = "") -> str:
    """`1 ligne refusée`, `2 lignes refusées`; in French zero is singular."""
    ending = "s" if value >= 2 else ""
    participle = f" {feminine_participle}{ending}" if feminine_participle else ""
    return f"{number(value)} {noun}{ending}{participle}"


def day(value: dt.date) -> str:
    """`1er mars 2026`."""
    return f"{'1er' if value.day == 1 else value.day} {MONTHS[value.month - 1]} {value.year}"


def moment(value: dt.datetime) -> str:
    """`1er mars 2026 à 8 h 05 (heure de Martinique)`."""
    from zoneinfo import ZoneInfo

    local = value.astimezone(ZoneInfo(PROGRAMME_ZONE))
    return f"{day(local.date())} à {local.hour} h {local.minute:02d} (heure de Martinique)"


def short_moment(value: dt.datetime) -> str:
    """`01/03/2026 08:05`, in the programme's zone."""
    from zoneinfo import ZoneInfo

    return f"{value.astimezone(ZoneInfo(PROGRAMME_ZONE)):%d/%m/%Y %H:%M}"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["severity_label"] = SEVERITY_LABELS
    environment.filters.update(
        number=number,
        count=count,
        day=day,
        moment=moment,
        short=short_moment,
        period=lambda text: parse_period(text).label,
    )
    return environment


def _in_order(findings: pl.DataFrame) -> pl.DataFrame:
    return (
        findings.select(pl.col(name).cast(kind) for name, kind in FINDINGS.items())
        .with_columns(pl.col("severity").cast(pl.Enum(SEVERITIES)).alias("_order"))
        .sort("_order", "row_number", "column", "rule_id", maintain_order=True)
        .drop("_order")
    )


def _body(delivery: Delivery, findings: pl.DataFrame, rejects: list[str]) -> dict[str, Any]:
    by_rule = findings.group_by("rule_id", "severity", maintain_order=True).agg(
        pl.len().alias("findings"), pl.col("row_number").n_unique().alias("rows")
    )
    notes = findings.filter(pl.col("severity").is_in(["AVERTISSEMENT", "NOTE"]))
    return {
        "state": delivery.state,
        "rows_received": delivery.rows_received,
        "rows_accepted": delivery.rows_accepted,
        "rows_awaiting": delivery.rows_awaiting,
        "rows_rejected": delivery.rows_rejected,
        "warnings": findings.filter(pl.col("severity") == "AVERTISSEMENT").height,
        "rules": by_rule.to_dicts(),
        "notes": notes.head(KEPT_NOTES).to_dicts(),
        "rejects": rejects,
    }


def _rejects_given(connection: psycopg.Connection[Any], delivery_id: str) -> list[str]:
    """Files of rows to mend that earlier receipts of a delivery gave."""
    row = connection.execute(
        "select body -> 'rejects' from ops.receipts where delivery_id = %s order by revision desc limit 1",
        [delivery_id],
    ).fetchone()
    return list(row[0]) if row else []


def _not_sent_back(connection: psycopg.Connection[Any], delivery: Delivery, given: list[str]) -> list[str]:
    """Names of the files of rows to mend that the partner has still to send back."""
    if not given:
        return []
    parts = connection.execute(
        "select part from ops.deliveries where partner_code = %s and feed = %s and period = %s and version = %s"
        " and not is_blocked",
        [delivery.partner_code, delivery.feed, delivery.period, delivery.version],
    ).fetchall()
    received = tuple(f".rejets{part}" for (part,) in parts)
    return [Path(path).name for path in given if not Path(path).stem.endswith(received)]


def _receipt_html(
    connection: psycopg.Connection[Any],
    *,
    contract: Contract | None,
    delivery: Delivery,
    findings: pl.DataFrame,
    body: Mapping[str, Any],
    today: dt.date,
    again: str | None = None,
) -> bytes:
    problems = findings.filter(pl.col("severity") != "NOTE")
    return render(
        "accuse.html.j2",
        delivery=delivery,
        contract=contract,
        tone={ACCEPTED: "good", REFUSED: "bad"}.get(delivery.state, "mixed"),
        problems=problems.head(SHOWN_PROBLEMS).to_dicts(),
        problem_count=problems.height,
        notes=findings.filter(pl.col("severity") == "NOTE").head(SHOWN_PROBLEMS).to_dicts(),
        rules=[rule for rule in body["rules"] if rule["severity"] != "NOTE"],
        warnings=body["warnings"],
        rejects=_not_sent_back(connection, delivery, body["rejects"]),
        has_sent_back=bool(body["rejects"]),
        next_due=_next_due(connection, delivery, today),
        again=again,
    )


def _next_due(connection: psycopg.Connection[Any], delivery: Delivery, today: dt.date) -> list[Expected]:
    """What this partner has to send next: up to three."""
    rows = connection.execute(
        "select e.feed, e.period, e.due_on from ops.expected_deliveries as e where e.partner_code = %s"
        " and e.due_on >= %s and not exists (select 1 from ops.deliveries as d where d.partner_code = e.partner_code"
        " and d.feed = e.feed and d.state not in (%s, %s)"
        " and d.period_start <= e.period_start and d.period_end >= e.period_end)"
        " order by e.due_on, e.feed limit 3",
        [delivery.partner_code, min(today, delivery.received_at.date()), RECEIVED, REFUSED],
    )
    return [Expected(feed, period, due_on, "attendu") for feed, period, due_on in rows]


def _receipt_csv(findings: pl.DataFrame) -> bytes:
    # a spreadsheet would run a cell that begins like a formula
    frame = findings.with_columns(pl.col(pl.String).str.replace(r"^([=+\-@\t\r])", "'${1}"))
    frame.columns = list(_CSV_HEADER)
    return frame.write_csv(separator=";", include_bom=True).encode()


def _rejects_file(rows: pl.DataFrame, extension: str) -> bytes:
    """The refused rows as the partner wrote them: cells are not altered, since the file is to be dropped again."""
    if extension == "csv":
        return rows.write_csv(separator=";", include_bom=True).encode()
    import xlsxwriter

    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        sheet = workbook.add_worksheet("rejets")
        text = workbook.add_format({"num_format": "@"})
        for position, name in enumerate(rows.columns):
            sheet.write_string(0, position, name, text)
            sheet.set_column(position, position, 18, text)
            for line, cell in enumerate(rows[name].cast(pl.String).fill_null(""), start=1):
                sheet.write_string(line, position, cell, text)
    return buffer.getvalue()
