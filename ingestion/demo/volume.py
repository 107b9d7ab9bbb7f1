"""Large files of one feed, made in vectors, with a known number of bad rows of known rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ingestion.demo.companies import COMMUNES, FAMILIES, NAFS, ORIGINS, check_digit
from ingestion.demo.making import PROGRAMME
from ingestion.errors import LakouError

if TYPE_CHECKING:
    from typing import BinaryIO

MONTH = dt.date(2026, 9, 1)
SLICE = 250_000
COMPANIES, SESSIONS = 20_000, 2_000
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# column, what is written in it, and the one rule that it breaks
BAD_VALUES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "F02": (
        ("sexe", "FEMME", "LISTE"),
        ("duree_suivie_h", "60", "DUREE-EXCESSIVE"),
        ("canal_orientation", "", "OBLIGATOIRE"),
        ("code_commune_residence", "97299", "COMMUNE-COG"),
        ("annee_naissance", "2016", "AGE-MINIMUM"),
    ),
    "F05": (
        ("siren", "732829321", "SIREN"),
        ("naf", "ABCDE", "NAF"),
        ("code_commune", "97105", "COMMUNE-PERIMETRE"),
        ("solution_famille", "ROBOT", "LISTE"),
        ("taille_effectif", "", "OBLIGATOIRE"),
    ),
}


@dataclass(frozen=True, slots=True)
class Volume:
    """What was written.

    Args:
        rows: of the file; `bad_rows` of them break one rule each, `rules` says how many break which.
        sessions: file of the sessions (F01) that the rows are about, for F02.
    """

    rows: int
    bad_rows: int
    rules: Mapping[str, int]
    sessions: Path | None = None


def write_volume(feed: str, rows: int, path: Path, bad_share: float) -> Volume:
    """Write a CSV file (UTF-8, `;`) of a feed for September 2026, and beside it the sessions that it is about.

    Args:
        feed: F02 or F05.
        bad_share: share of the rows that break a rule, from 0 to 1.

    Raises:
        LakouError: another feed.
    """
    if feed not in BAD_VALUES:
        raise LakouError(f"no large file is made for the feed {feed!r}", f"choose among {', '.join(BAD_VALUES)}")
    make = {"F02": _participations, "F05": _journeys}[feed]
    every = round(1 / bad_share) if bad_share > 0 else rows + 1
    counts: dict[str, int] = {}
    with path.open("wb") as file:
        for first in range(0, rows, SLICE):
            numbers = pl.DataFrame({"n": pl.int_range(first, min(first + SLICE, rows), eager=True)})
            part = _spoilt(make(numbers), numbers["n"], every, BAD_VALUES[feed])
            for rule_id, count in part[1].items():
                counts[rule_id] = counts.get(rule_id, 0) + count
            _append(part[0], file, is_first=first == 0)
    sessions = path.with_name(f"{path.stem}-sessions.csv") if feed == "F02" else None
    if sessions is not None:
        with sessions.open("wb") as file:
            _append(_sessions(), file, is_first=True)
    return Volume(rows, sum(counts.values()), counts, sessions)


def _append(rows: pl.DataFrame, file: BinaryIO, *, is_first: bool) -> None:
    rows.write_csv(file, separator=";", include_header=is_first, line_terminator="\r\n")


def _spoilt(
    rows: pl.DataFrame, numbers: pl.Series, every: int, faults: Sequence[tuple[str, str, str]]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows with every so many spoilt, each in turn by another mistake; how many by rule."""
    counts: dict[str, int] = {}
    for at, (column, text, rule_id) in enumerate(faults):
        is_bad = (numbers % every == every - 1) & (numbers // every % len(faults) == at)
        rows = rows.with_columns(pl.when(is_bad).then(pl.lit(text)).otherwise(column).alias(column))
        if is_bad.any():
            counts[rule_id] = int(is_bad.sum())
    return rows, counts


def _pick(values: Sequence[str], number: pl.Expr) -> pl.Expr:
    """The value of that number, round and round."""
    return pl.lit(pl.Series(values)).gather(number % len(values))


def _words(number: pl.Expr) -> pl.Expr:
    """A word of letters of its own for each number below 26^5."""
    return pl.concat_str([_pick(tuple(LETTERS), number // 26**power) for power in range(5)])


def _journeys(numbers: pl.DataFrame) -> pl.DataFrame:
    bases = [f"0{number * 37 % 10_000_000:07d}" for number in range(1, COMPANIES + 1)]
    sirens = [base + check_digit(base) for base in bases]
    supplier = sirens[0]
    n = pl.col("n")
    start = (pl.lit(MONTH) - pl.duration(days=n % 300)).cast(pl.Date)

    def day(after: int, rest: int) -> pl.Expr:
        """A milestone reached by all but one journey in `rest`."""
        return pl.when(n % rest != 0).then((start + pl.duration(days=after + n % 7)).dt.to_string("iso"))

    return numbers.select(
        programme_code=pl.lit(PROGRAMME),
        parcours_id=pl.format("P-BANC-{}", n),
        siren=_pick(sirens, n),
        siret_etab=pl.lit(None, pl.String),
        code_commune=_pick(COMMUNES, n // 3),
        entreprise_individuelle=_pick(("true", "false", "false"), n),
        taille_effectif=_pick(("0", "1-9", "10-49", "50-249", "250+"), n // 2),
        naf=_pick(NAFS, n // 5),
        solution_famille=_pick([name for name, _ in FAMILIES], n // 7),
        siren_fournisseur=pl.lit(supplier),
        siret_fournisseur=pl.lit(None, pl.String),
        date_sensibilisation=start.dt.to_string("iso"),
        date_diagnostic=day(10, 9),
        date_feuille_route=day(30, 8),
        date_prototype=day(60, 5),
        date_deploiement=day(100, 3),
        date_mesure_gain=pl.lit(None, pl.String),
        date_arret=pl.lit(None, pl.String),
        origine_decision=_pick([name for name, _ in ORIGINS], n // 11),
        oriente_par_epci=pl.lit(None, pl.String),
        date_orientation=pl.lit(None, pl.String),
    )


def _participations(numbers: pl.DataFrame) -> pl.DataFrame:
    n = pl.col("n")
    # each person follows four sessions, never the same twice
    person, turn = n // 4, n % 4
    session = (person + turn * (SESSIONS // 4)) % SESSIONS
    return numbers.select(
        programme_code=pl.lit(PROGRAMME),
        objet_type=pl.lit("SESSION"),
        objet_id=pl.format("S-BANC-{}", session),
        courriel=pl.concat_str(_words(person), pl.lit("@example.org")),
        nom_naissance=_words(person * 7 + 3),
        prenom=_words(person % 977),
        annee_naissance=(1950 + person % 50).cast(pl.String),
        sexe=_pick(("F", "M", "F", "NR"), person),
        statut_pro=_pick(("SALARIE", "DEMANDEUR_EMPLOI", "ETUDIANT", "DIRIGEANT"), person),
        niveau_diplome=_pick(("3", "4", "5", "6", "NR"), person),
        code_commune_residence=_pick(COMMUNES, person // 2),
        siren_employeur=pl.when(person % 5 == 0).then(pl.lit("732829320")),
        canal_orientation=_pick(("DIRECT", "CLUSTER", "EPCI", "FRANCE_TRAVAIL"), person),
        statut=_pick(("TERMINE", "TERMINE", "ABANDON"), n),
        duree_suivie_h=_pick(("6", "7", "3.5"), n),
        date_fin_suivi=pl.lit(None, pl.String),
        role=pl.lit(None, pl.String),
    )


def _sessions() -> pl.DataFrame:
    n = pl.col("n")
    day = (pl.lit(MONTH) + pl.duration(days=n % 28)).cast(pl.Date).dt.to_string("iso")
    return pl.DataFrame({"n": pl.int_range(0, SESSIONS, eager=True)}).select(
        session_id=pl.format("S-BANC-{}", n),
        action_code=pl.lit("MQ-A1"),
        intitule=pl.format("Session {}", n),
        modalite=pl.lit("ATELIER"),
        date_debut=day,
        date_fin=day,
        duree_prevue_h=pl.lit("7"),
        code_commune=_pick(COMMUNES, n),
    )
