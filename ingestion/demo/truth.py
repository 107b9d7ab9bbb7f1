"""What the platform must find in the twin: every indicator value and every refused row, from the people themselves."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.contracts import PERSON, load_contracts
from ingestion.demo.files import Row
from ingestion.demo.making import BUSINESS_DATE, PARTNERS, PROGRAMME, File, Slot, bounds, expected_slots
from ingestion.demo.people import communes, plain
from ingestion.demo.twin import Twin

SMALLEST = 11
TRAINED_FROM = 200
REGION = "02"
UNKNOWN, OUTSIDE, DISTANT = "NR", "HORS", "DIST"
DISTANT_MODES = ("WEBINAIRE", "ELEARNING")
PROFILE = ("AGE", "SEXE", "STATUT", "NIVEAU")
MEMBERS = {
    "AGE": ("15-29", "30-44", "45-59", "60+", "NR"),
    "SEXE": ("F", "M", "X", "NR"),
    "STATUT": (
        "SALARIE", "INDEPENDANT", "DIRIGEANT", "DEMANDEUR_EMPLOI", "ETUDIANT", "AGENT_PUBLIC", "RETRAITE", "INACTIF",
        "NR",
    ),
    "NIVEAU": ("0", "1", "2", "3", "4", "5", "6", "7", "8", "NR"),
    "MODALITE": ("WEBINAIRE", "ATELIER", "ELEARNING", "HYBRIDE"),
    "SECTEUR": ("SANTE", "AGRICULTURE", "ENERGIE", "TOURISME", "AUTRE", "TOUS", "NR"),
    "CERTIFICATION": ("RNCP_RS", "INTERNE"),
    "FLUX": tuple(load_contracts()),
}  # fmt: skip
PERIODS = ("month", "quarter", "semester", "year")
KEYS = (
    "measure",
    "period_grain",
    "period_start",
    "territory_level",
    "territory_code",
    "partner_code",
    "axis",
    "member",
)


@dataclass(frozen=True, slots=True)
class Indicator:
    """How one indicator counts.

    Args:
        kind: `distinct`, `sum` (of hundredths) or `ratio`.
        place: `home`, `venue`, or empty where the region alone has values.
    """

    code: str
    kind: str
    feeds: tuple[str, ...]
    place: str
    axes: tuple[str, ...]

    @property
    def counts_people(self) -> bool:
        """Whether few people hide the value."""
        return self.code.startswith("A1-")


TRAINING = (*PROFILE, "MODALITE", "SECTEUR")
INDICATORS = (
    Indicator("A1-01", "distinct", ("F01", "F02"), "home", TRAINING),
    Indicator("A1-02", "distinct", ("F03",), "home", (*PROFILE, "CERTIFICATION")),
    Indicator("A1-05", "sum", ("F01", "F02"), "venue", TRAINING),
    Indicator("A1-06", "ratio", ("F01", "F02"), "venue", TRAINING),
    Indicator("A1-07", "ratio", ("F03",), "home", (*PROFILE, "CERTIFICATION")),
    Indicator("A1-08", "ratio", ("F01", "F02"), "venue", (*PROFILE, "MODALITE")),
    Indicator("T-01", "ratio", MEMBERS["FLUX"], "", ("FLUX",)),
    Indicator("T-03", "ratio", MEMBERS["FLUX"], "", ("FLUX",)),
)


def write_truth(twin: Twin) -> None:
    """Write `indicator_values.csv`, `rejected_rows.csv` and `deliveries.csv` into `truth/` of the twin's directory."""
    folder = twin.directory / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    indicator_values(twin).write_csv(folder / "indicator_values.csv")
    _write_rejected(twin.files, folder / "rejected_rows.csv")
    _write_deliveries(twin.files, folder / "deliveries.csv")


def indicator_values(twin: Twin) -> pl.DataFrame:
    """One row per cell, keyed as `pub.indicator_values`; figures as text."""
    rows = _contributions(twin)
    expected = _expected(twin.files)
    periods = _periods()
    frames = [_values(indicator, rows[indicator.code], expected, periods) for indicator in INDICATORS]
    return pl.concat(frames).sort("indicator_code", *KEYS)


# ---------------------------------------------------------------------------------------------------- what is in force


def _is_read(file: File) -> bool:
    """Whether the figures may know the file: nothing refuses it as a whole, and nobody has to release it."""
    return not file.blocked and not file.is_held


def _taken(file: File) -> bool:
    """Whether something of the file counts: it is not blocked, and not every row of it is refused."""
    return _is_read(file) and (not file.rows or any(row.state != "refused" for row in file.rows))


def files_in_force(files: Sequence[File]) -> list[File]:
    """Files that the figures stand on: of each period, the newest version that was taken."""
    newest: dict[tuple[str, str, str], int] = {}
    for file in files:
        if _taken(file):
            newest[file.key] = max(newest.get(file.key, 0), file.version)
    return [file for file in files if _is_read(file) and file.version >= newest.get(file.key, 0)]


def rows_in_force(files: Sequence[File], feed: str) -> list[tuple[File, Row]]:
    """Accepted rows of a feed in these files, each key once: the later period, then version, then part."""
    chosen: dict[tuple[str, ...], tuple[tuple[object, ...], File, Row]] = {}
    for file in files:
        if file.feed != feed:
            continue
        rank = (bounds(file.period).end, file.version, file.part)
        for row in file.rows:
            if row.state != "accepted":
                continue
            key = (file.partner, *key_of(feed, row))
            if key not in chosen or rank > chosen[key][0]:
                chosen[key] = (rank, file, row)
    return [(file, row) for _, file, row in chosen.values()]


def key_of(feed: str, row: Row) -> tuple[str, ...]:
    """What tells a row apart from the others of its partner and feed."""
    defaults = {column.name: column.default or "" for column in load_contracts()[feed].columns}
    return tuple(
        _person_key(row) if name == PERSON else row.cells.get(name) or defaults[name]
        for name in load_contracts()[feed].key
    )


def _person_key(row: Row) -> str:
    parts = [row.cells[name] for name in ("nom_naissance", "prenom", "annee_naissance")]
    return "|".join(map(plain, parts[:2])) + parts[2] if all(parts) else row.cells["courriel"]


# ------------------------------------------------------------------------------------------------------- contributions


def _contributions(twin: Twin) -> dict[str, pl.DataFrame]:
    in_force = files_in_force(twin.files)
    held = participations(in_force)
    certified = _certifications(rows_in_force(in_force, "F03"))
    profiles = _profiles(held, certified)
    held = held.filter(pl.col("role") == "PARTICIPANT").join(profiles, on="person")
    certified = certified.join(profiles, on="person")
    done, distant = pl.col("status") == "TERMINE", pl.col("MODALITE").is_in(DISTANT_MODES)
    obtained = pl.col("result") == "OBTENU"
    one = pl.lit(1, pl.Int64)

    def counted(rows: pl.DataFrame, num: pl.Expr, on: str) -> pl.DataFrame:
        return rows.with_columns(num=num.cast(pl.Int64), den=one, on=pl.col(on))

    return {
        "A1-01": counted(held.filter(done & (pl.col("hours") >= TRAINED_FROM)), one, "on"),
        "A1-02": counted(certified.filter(obtained), one, "obtained_on"),
        "A1-05": counted(held.drop_nulls("hours"), pl.col("hours"), "on"),
        "A1-06": counted(held.filter(pl.col("status").is_in(["TERMINE", "ABANDON"])), done, "on"),
        "A1-07": counted(certified, obtained, "presented_on"),
        "A1-08": counted(held, distant, "on"),
        "T-01": _due(twin.files),
        "T-03": _received(in_force),
    }


def participations(in_force: Sequence[File]) -> pl.DataFrame:
    """Who followed which session; events and actions are counted by no indicator yet."""
    sessions = {(file.partner, row.cells["session_id"]): row.cells for file, row in rows_in_force(in_force, "F01")}
    rows = [
        (file, row)
        for file, row in rows_in_force(in_force, "F02")
        if (row.cells["objet_type"] or "SESSION") == "SESSION"
    ]
    places = communes()
    owners: dict[str, str] = {}
    for partner, session_id in sorted(sessions):
        owners.setdefault(session_id, partner)
    records = []
    for file, row in rows:
        cells = row.cells
        owner = file.partner if (file.partner, cells["objet_id"]) in sessions else owners[cells["objet_id"]]
        session = sessions[owner, cells["objet_id"]]
        venue = session["code_commune"]
        is_distant = session["modalite"] in DISTANT_MODES
        records.append(
            (
                row.person,
                file.partner,
                dt.date.fromisoformat(cells["date_fin_suivi"] or session["date_fin"]),
                cells["statut"],
                round(float(cells["duree_suivie_h"]) * 100) if cells["duree_suivie_h"] else None,
                cells.get("role") or "PARTICIPANT",
                session["modalite"],
                session["secteur_cible"] or UNKNOWN,
                DISTANT if is_distant else venue or UNKNOWN,
                DISTANT if is_distant else places[venue][1] if venue else UNKNOWN,
                _age(file, cells),
                cells["sexe"],
                cells["statut_pro"],
                cells["niveau_diplome"],
                *_home(cells["code_commune_residence"]),
            )
        )
    columns = {
        "person": pl.Int64, "partner_code": pl.String, "on": pl.Date, "status": pl.String, "hours": pl.Int64,
        "role": pl.String, "MODALITE": pl.String, "SECTEUR": pl.String, "venue_commune": pl.String,
        "venue_epci": pl.String, "AGE_then": pl.String, "SEXE_then": pl.String, "STATUT_then": pl.String,
        "NIVEAU_then": pl.String, "home_commune_then": pl.String, "home_epci_then": pl.String,
    }  # fmt: skip
    return pl.DataFrame(records, schema=columns, orient="row")


def _certifications(rows: Sequence[tuple[File, Row]]) -> pl.DataFrame:
    records = [
        (
            row.person,
            file.partner,
            dt.date.fromisoformat(row.cells["date_presentation"]),
            dt.date.fromisoformat(row.cells["date_obtention"]) if row.cells["date_obtention"] else None,
            row.cells["resultat"],
            "INTERNE" if row.cells["certification_code"].startswith("INT-") else "RNCP_RS",
            _age(file, row.cells),
        )
        for file, row in rows
    ]
    columns = {
        "person": pl.Int64, "partner_code": pl.String, "presented_on": pl.Date, "obtained_on": pl.Date,
        "result": pl.String, "CERTIFICATION": pl.String, "AGE_then": pl.String,
    }  # fmt: skip
    return pl.DataFrame(records, schema=columns, orient="row")


def _profiles(held: pl.DataFrame, certified: pl.DataFrame) -> pl.DataFrame:
    """Each person as they were at their first participation; by their first certification, only an age."""
    names = ["AGE", "SEXE", "STATUT", "NIVEAU", "home_commune", "home_epci"]
    first = held.sort("person", "on").unique("person", keep="first", maintain_order=True)
    known = first.select("person", *(pl.col(f"{name}_then").alias(name) for name in names))
    alone = (
        certified.join(known, on="person", how="anti")
        .sort("person", "presented_on")
        .unique("person", keep="first", maintain_order=True)
    )
    others = [pl.lit(UNKNOWN).alias(name) for name in names[1:]]
    return pl.concat([known, alone.select("person", pl.col("AGE_then").alias("AGE"), *others)])


def _age(file: File, cells: dict[str, str]) -> str:
    """Age band in the year of the file's period."""
    if not cells["annee_naissance"]:
        return UNKNOWN
    age = int(file.period[:4]) - int(cells["annee_naissance"])
    return "15-29" if age < 30 else "30-44" if age < 45 else "45-59" if age < 60 else "60+"


def _home(commune: str) -> tuple[str, str]:
    if not commune:
        return UNKNOWN, UNKNOWN
    places = communes()
    return (commune, places[commune][1]) if commune in places else (OUTSIDE, OUTSIDE)


# ----------------------------------------------------------------------------------------------------------- deliveries


def _slots(files: Sequence[File]) -> list[tuple[Slot, bool]]:
    """Each expected delivery, and whether it was received and accepted."""
    accepted: dict[tuple[str, str], list[tuple[dt.date, dt.date]]] = {}
    for file in files:
        if _is_read(file) and (not file.rows or any(row.state == "accepted" for row in file.rows)):
            span = bounds(file.period)
            accepted.setdefault((file.partner, file.feed), []).append((span.start, span.end))
    return [
        (
            slot,
            any(start <= slot.start and slot.end <= end for start, end in accepted.get((slot.partner, slot.feed), ())),
        )
        for slot in expected_slots()
    ]


def _due(files: Sequence[File]) -> pl.DataFrame:
    return _facts(
        [
            (slot.partner, slot.start, slot.feed, int(accepted), 1)
            for slot, accepted in _slots(files)
            if slot.due_on <= BUSINESS_DATE
        ]
    )


def _received(in_force: Sequence[File]) -> pl.DataFrame:
    records = [
        (
            file.partner,
            bounds(file.period).start,
            file.feed,
            sum(row.state == "accepted" for row in file.rows),
            len(file.rows),
        )
        for file in in_force
    ]
    return _facts(records)


def _facts(records: Sequence[tuple[str, dt.date, str, int, int]]) -> pl.DataFrame:
    schema = {"partner_code": pl.String, "on": pl.Date, "FLUX": pl.String, "num": pl.Int64, "den": pl.Int64}
    return pl.DataFrame(records, schema=schema, orient="row").with_columns(person=pl.lit(0, pl.Int64))


def _expected(files: Sequence[File]) -> pl.DataFrame:
    """Expected deliveries by grain: `partner_code, feed, accepted` and the period that holds the whole delivery's."""
    records = [(slot.partner, slot.feed, slot.start, slot.end, int(accepted)) for slot, accepted in _slots(files)]
    schema = {"partner_code": pl.String, "feed": pl.String, "on": pl.Date, "end": pl.Date, "accepted": pl.Int64}
    slots = pl.DataFrame(records, schema=schema, orient="row").with_row_index("slot")
    ends = _by_period(slots.select("slot", on="end")).select("slot", "period_grain", last="period_start")
    return (
        _by_period(slots)
        .join(ends, on=["slot", "period_grain"])
        .filter(pl.col("period_start") == pl.col("last"))
        .drop("slot", "end", "last")
    )


def _periods() -> pl.DataFrame:
    """Every period of each grain, from the first delivery expected to the business date."""
    first = min(slot.start for slot in expected_slots())
    days = pl.date_range(first, BUSINESS_DATE, "1mo", eager=True).alias("on").to_frame()
    return _by_period(days).select("period_grain", "period_start").unique()


def _by_period(rows: pl.DataFrame) -> pl.DataFrame:
    on = pl.col("on")
    starts = {
        "month": on.dt.truncate("1mo"),
        "quarter": on.dt.truncate("1q"),
        "semester": pl.date(on.dt.year(), (on.dt.month() - 1) // 6 * 6 + 1, 1),
        "year": on.dt.truncate("1y"),
    }
    return pl.concat(rows.with_columns(period_grain=pl.lit(grain), period_start=starts[grain]) for grain in PERIODS)


# --------------------------------------------------------------------------------------------------------------- values


def _values(indicator: Indicator, rows: pl.DataFrame, expected: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    place = indicator.place
    home = [pl.lit(REGION).alias("region")]
    if place:
        home += [pl.col(f"{place}_commune").alias("commune"), pl.col(f"{place}_epci").alias("epci")]
    rows = _by_period(rows.with_columns(home))
    grid, sums = [], []
    for level, axis in itertools.product(_territories(indicator), ("TOTAL", "PARTNER", *indicator.axes)):
        if (level == "commune" and axis != "TOTAL") or (level == "epci" and axis == "PARTNER"):
            continue
        by_partner, by_member = axis == "PARTNER", axis not in {"TOTAL", "PARTNER"}
        margin = {
            "measure": pl.lit("contributed" if by_partner else "counted"),
            "territory_level": pl.lit(level),
            "axis": pl.lit(axis if by_member else "TOTAL"),
        }
        sums.append(
            rows.select(
                "period_grain", "period_start", "person", "num", "den", pl.col(level).alias("territory_code"),
                pl.col("partner_code") if by_partner else pl.lit("TOTAL").alias("partner_code"),
                (pl.col(axis) if by_member else pl.lit("TOTAL")).alias("member"), **margin,
            ).group_by(KEYS).agg(pl.sum("num", "den"), people=pl.col("person").n_unique())
        )  # fmt: skip
        partners = [partner.code for partner in PARTNERS] if by_partner else ["TOTAL"]
        members = MEMBERS[axis] if by_member else ("TOTAL",)
        grid.append(
            periods.join(pl.DataFrame({"territory_code": _territories(indicator)[level]}), how="cross")
            .join(pl.DataFrame({"partner_code": partners}), how="cross")
            .join(pl.DataFrame({"member": members}), how="cross")
            .with_columns(**margin)
            .select(KEYS)
        )
    cells = pl.concat(grid).join(pl.concat(sums), on=KEYS, how="left")
    return _stated(indicator, _completed(indicator, cells, expected))


def _territories(indicator: Indicator) -> dict[str, list[str]]:
    if not indicator.place:
        return {"region": [REGION]}
    special = [UNKNOWN, OUTSIDE] if indicator.place == "home" else [UNKNOWN, DISTANT]
    places = communes()
    return {
        "commune": [*places, *special],
        "epci": [*sorted({epci for _, epci, _ in places.values()}), *special],
        "region": [REGION],
    }


def _completed(indicator: Indicator, cells: pl.DataFrame, expected: pl.DataFrame) -> pl.DataFrame:
    """Add `due` and `accepted`: the deliveries that a cell stands on."""
    asked = expected.filter(pl.col("feed").is_in(indicator.feeds))
    scope = ["period_grain", "period_start", "partner_code", "feed"]
    total = pl.lit("TOTAL")
    scopes = [
        asked.with_columns(partner_code=total, feed=total),
        asked.with_columns(feed=total),
        asked.with_columns(partner_code=total),
    ]
    counts = pl.concat(scopes).group_by(scope).agg(due=pl.len().cast(pl.Int64), accepted=pl.sum("accepted"))
    feed = pl.when(pl.col("axis") == "FLUX").then("member").otherwise(total)
    return cells.with_columns(feed=feed).join(counts, on=scope, how="left")


def _stated(indicator: Indicator, cells: pl.DataFrame) -> pl.DataFrame:
    ratio = indicator.kind == "ratio"
    cells = cells.with_columns(
        indicator_code=pl.lit(indicator.code),
        n=pl.col("people" if indicator.counts_people else "den").fill_null(0).cast(pl.Int64),
        due=pl.col("due").fill_null(0),
    )
    n, complete = pl.col("n"), pl.col("accepted") == pl.col("due")
    figure = {"distinct": n, "sum": pl.col("num"), "ratio": pl.col("num")}[indicator.kind]
    state = (
        pl.when((pl.col("due") == 0) & (n == 0)).then(pl.lit("NON_APPLICABLE"))
        .when(pl.lit(indicator.counts_people) & (n > 0) & (n < SMALLEST)).then(pl.lit("SUPPRIME_K"))
        .when((n == 0) & (pl.col("accepted") == 0)).then(pl.lit("NON_REMIS"))
        .when(~complete).then(pl.lit("INCOMPLET"))
        .when((n == 0) & pl.lit(ratio)).then(pl.lit("NON_APPLICABLE"))
        .when((n == 0) | (figure == 0)).then(pl.lit("ZERO_MESURE"))
        .otherwise(pl.lit("MESURE"))
    )  # fmt: skip
    cells = cells.with_columns(state=state)
    shown = pl.col("state") != "SUPPRIME_K"
    # nothing measured is a zero only for what is counted, and only where something was delivered
    has_value = shown & ((n > 0) | (pl.lit(not ratio) & (pl.col("due") > 0) & (pl.col("accepted") > 0)))
    counted = pl.col("num").fill_null(0)
    if indicator.kind == "sum":
        plain_figure = _decimal(counted, 100, 2)
    elif ratio:
        plain_figure = counted.cast(pl.String)
    else:
        plain_figure = n.cast(pl.String)
    value = _decimal(_rounded(counted, pl.col("den")), 1_000_000, 6) if ratio else plain_figure
    return cells.select(
        pl.lit(PROGRAMME).alias("programme_code"),
        "indicator_code",
        *KEYS,
        value=pl.when(has_value).then(value),
        numerator=pl.when(has_value).then(plain_figure),
        denominator=pl.when(has_value & pl.lit(ratio)).then(pl.col("den").cast(pl.String)),
        n=pl.when(shown).then(n),
        completeness=_decimal(_rounded(pl.col("accepted"), pl.col("due")), 1_000_000, 6),
        state="state",
    )


def _rounded(num: pl.Expr, den: pl.Expr) -> pl.Expr:
    """Millionths of a ratio, halves away from zero; null where there is nothing to divide by."""
    positive = pl.when(den > 0).then(den)
    return (num * 2_000_000 + positive) // (positive * 2)


def _decimal(units: pl.Expr, scale: int, digits: int) -> pl.Expr:
    fraction = (units % scale).cast(pl.String).str.zfill(digits)
    return pl.concat_str((units // scale).cast(pl.String), pl.lit("."), fraction)


# -------------------------------------------------------------------------------------------------------- refused rows


def _write_rejected(files: Sequence[File], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["partner_code", "feed", "file_name", "row_number", "column", "rule_id", "severity"])
        for file in files:
            if file.blocked:
                writer.writerow([file.partner, file.feed, file.name, 0, "", file.blocked, "BLOQUE"])
                continue
            for row in sorted(file.rows, key=lambda row: row.line):
                writer.writerows(
                    [file.partner, file.feed, file.name, row.line, column, rule_id, "REFUSE"]
                    for column, rule_id in row.rules
                )


def verdict(file: File) -> str:
    """What became of a file: blocked, held, refused whole, taken in part, with rows that wait, or taken whole."""
    states = {row.state for row in file.rows}
    word = "PRISE"
    if file.blocked:
        word = "BLOQUEE"
    elif file.is_held:
        word = "RETENUE"
    elif states == {"refused"}:
        word = "REFUSEE"
    elif "refused" in states:
        word = "EN_PARTIE"
    elif "awaiting" in states:
        word = "EN_ATTENTE"
    return word


def _write_deliveries(files: Sequence[File], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ["partner_code", "feed", "file_name", "period", "version", "part", "verdict", "rule_id", "rows_received",
             "rows_accepted", "rows_awaiting", "rows_rejected"]
        )  # fmt: skip
        for file in files:
            rows = [] if file.blocked else file.rows
            counts = [sum(row.state == state for row in rows) for state in ("accepted", "awaiting", "refused")]
            writer.writerow(
                [file.partner, file.feed, file.name, file.period, file.version if file.period else "", file.part,
                 verdict(file), file.blocked, len(rows), *counts]
            )  # fmt: skip
