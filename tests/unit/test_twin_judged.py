"""The twin under the real judge: every mistake is refused by its own rules, and nothing else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from ingestion.contracts import Contract, load_contract, load_contracts
from ingestion.demo.habits import style_of
from ingestion.demo.in_force import files_in_force, rows_in_force
from ingestion.demo.making import BY_CODE, PROGRAMME, File, bounds
from ingestion.demo.twin import Twin, generate, stored_name
from ingestion.errors import BlockedFile
from ingestion.judging import Context, Judgement, References, judge_file, references_of
from ingestion.pseudonyms import Pseudonymiser
from ingestion.workbook_templates import sheet_name

Judged = list[tuple[File, Judgement | str]]
BY_NAME = {
    "NOM-INCONNU", "PARTENAIRE-DIFFERENT", "FLUX-NON-PREVU", "PERIODE-CHEVAUCHE", "PERIODE-FUTURE", "VERSION-ANCIENNE",
    "FORMAT-NON-PRIS",
}  # fmt: skip


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return generate(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def references(twin: Twin) -> References:
    in_force = files_in_force(twin.files)
    known = {
        feed: _known(contract, rows_in_force(in_force, feed))
        for feed, contract in load_contracts().items()
        if contract.identifier
    }

    def lookup(feed: str, identifiers: Sequence[str]) -> pl.DataFrame:
        return known[feed].filter(pl.col("identifier").is_in(list(identifiers)))

    return references_of(PROGRAMME, lookup)


def _known(contract: Contract, rows: list[tuple[File, object]]) -> pl.DataFrame:
    names = ("identifier", "partner_code", *contract.raw_columns)
    records = [
        (row.cells[contract.identifier], file.partner, *(row.cells.get(name) or None for name in contract.raw_columns))
        for file, row in rows
    ]
    return pl.DataFrame(records, schema=dict.fromkeys(names, pl.String), orient="row")


@pytest.fixture(scope="module")
def judged(twin: Twin, references: References) -> Judged:
    """Each file that has its place in the drop, and its judgement, or the rule that blocks it."""
    return list(_judge(twin, references))


def _judge(twin: Twin, references: References) -> Iterator[tuple[File, Judgement | str]]:
    for file in twin.files:
        if file.blocked in BY_NAME:
            continue
        path = twin.directory / "files" / file.partner / stored_name(file)
        contract = load_contract(file.feed)
        context = Context(
            contract=contract,
            partner_code=file.partner,
            programme_code=PROGRAMME,
            period=bounds(file.period),
            pseudonymiser=Pseudonymiser(b"0" * 64),
            references=references,
            has_convention=BY_CODE[file.partner].has_convention,
        )
        sheet = sheet_name(contract) if file.is_template else None
        extension = "xlsx" if file.is_template else style_of(*file.key).extension
        try:
            yield file, judge_file(path, extension, context, sheet)
        except BlockedFile as blocked:
            yield file, blocked.rule_id


def test_each_mistake_breaks_its_own_rules_and_nothing_else_is_refused(judged: Judged) -> None:
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    for file, judgement in judged:
        if isinstance(judgement, str) or file.blocked:
            if judgement != file.blocked:
                wrong.append(f"{file.partner}/{file.name}: {judgement} for {file.blocked}")
            continue
        refused = judgement.findings.filter(pl.col("severity") == "REFUSE")
        found = set(refused.select("row_number", "column", "rule_id").rows())
        # whether what is unknown ever comes is not the judge's to say
        expected = {
            (row.line, column, rule_id)
            for row in file.rows
            for column, rule_id in row.rules
            if rule_id != "REFERENCE-INCONNUE"
        }
        waiting = {
            row.line
            for row in file.rows
            if row.state == "awaiting" or "REFERENCE-INCONNUE" in {rule_id for _, rule_id in row.rules}
        }
        if found != expected:
            wrong.append(f"{file.partner}/{file.name}: {sorted(found ^ expected)}")
        if set(judgement.awaiting["_row_number"]) != waiting:
            wrong.append(f"{file.partner}/{file.name}: awaiting {judgement.awaiting['_row_number'].to_list()}")
        if judgement.rows_received != len(file.rows):
            wrong.append(f"{file.partner}/{file.name}: {judgement.rows_received} rows of {len(file.rows)}")
        counts["files"] += 1
        counts["rows"] += judgement.rows_received
    assert not wrong, "\n".join(wrong[:30])
    assert counts["files"] > 780
    assert counts["rows"] > 10_000


def test_what_is_accepted_is_what_was_meant(judged: Judged) -> None:
    """The canonical text of every accepted row, personal columns aside, is the twin's."""
    different: list[str] = []
    for file, judgement in judged:
        if isinstance(judgement, str):
            continue
        contract = load_contract(file.feed)
        kept = [column for column in contract.columns if not column.is_personal]
        rows = {row.line: row for row in file.rows}
        for accepted in judgement.accepted.iter_rows(named=True):
            row = rows[accepted["_row_number"]]
            for column in kept:
                default = PROGRAMME if "programme" in column.checks else column.default
                # a value that could not be read is nothing, whatever an empty one stands for
                meant = row.cells.get(column.name) or (None if column.name in row.written else default)
                if accepted[column.name] != meant:
                    different.append(f"{file.name} {row.line} {column.name}: {accepted[column.name]!r}")
    assert not different, f"{len(different)}: " + "\n".join(different[:30])


def test_warnings_and_notes_of_what_partners_do(judged: Judged) -> None:
    told: Counter[str] = Counter()
    for _, judgement in judged:
        if not isinstance(judgement, str):
            told.update(judgement.findings.filter(pl.col("severity") != "REFUSE")["rule_id"].unique())
    assert {
        "VALEUR-OPTIONNELLE-ILLISIBLE", "DONNEE-PERSONNELLE-TEXTE", "DATE-HORS-PERIODE", "ETAPES-DESORDRE",
        "SOMME-ENVELOPPE", "EFFECTIF-DECLARE", "DATE-FRANCAISE", "DECIMALE-VIRGULE", "ENCODAGE", "POURCENTAGE-LU",
        "MILLIERS-LUS", "ABSENT-LU", "OUI-NON-LU", "ZEROS-RENDUS", "LIGNES-MASQUEES", "COLONNES-MASQUEES",
        "FEUILLE-MASQUEE", "CELLULES-FUSIONNEES", "ENCODAGE-DOUBLE", "COLONNE-INCONNUE", "LIGNE-TOTAL", "LIGNE-TITRE", "ENTETE-REPETE",
        "ENTETE-DEUX-LIGNES", "ENTETE-LIBELLE", "CODE-POSTAL-CONVERTI",
    } <= set(told), sorted(told)  # fmt: skip


def test_the_files_are_where_the_manifest_says(twin: Twin) -> None:
    assert all(Path(twin.directory / "files" / file.partner / stored_name(file)).is_file() for file in twin.files)
