"""Judge the rows of one file against its contract and what is already known: accepted, awaiting or refused.

Every row is told every rule that it breaks. Whatever the file holds, rows received = accepted + awaiting + refused.
A file is judged batch by batch; what only the whole file tells (repeated rows, sums, columns of postcodes) is found in
the same pass, and the pass made again in the rare case that it assumed otherwise.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import polars as pl

from ingestion.cells import MASK, Cells, Form, Readers
from ingestion.checks import MINIMUM_AGE, PERSONAL, checks_of, form_faults, object_checks
from ingestion.codes import PAIR, Kinds, Places, commune_form, commune_kinds, epci_form, list_form
from ingestion.contracts import Column, Contract, ObjectDate, load_contract
from ingestion.copy_lines import joined
from ingestion.erased_people import are_erased
from ingestion.errors import BlockedFile
from ingestion.faults import AWAITING, NOTE, Check, faults, no_faults, refused, run
from ingestion.findings import (
    REJECTED,
    findings_of,
    kept_names,
    kept_rejected,
    refused_rows,
    rejected_rows,
    source_names,
    truncated_faults,
)
from ingestion.forms import plain_form
from ingestion.naming import Period
from ingestion.objects import (
    AWAITED,
    HASH,
    OBJECT_PARTNER,
    awaiting_faults,
    feed_of,
    referring_columns,
    split_awaiting,
    with_objects,
)
from ingestion.pseudonyms import Pseudonymiser
from ingestion.reading import Batch, Reading, open_reading
from ingestion.records import ROW
from ingestion.territory import (
    FundingScheme,
    load_cog,
    load_communes,
    load_epcis,
    load_funding_schemes,
    load_indicator_codes,
    load_postcodes,
    load_programme,
)
from ingestion.whole_file import REPEATED, SUMMED, Repeats, Whole, crowds, key_of, sums, wrong_sums

AGE_BANDS = ((15, "15-29"), (30, "30-44"), (45, "45-59"), (60, "60+"))
# a pass that finds other facts than it assumed is made again; each kind of fact settles in one more
PASSES = 5


# identifiers of one feed → text columns `identifier`, `partner_code`, and every raw column of that feed's contract
Lookup = Callable[[str, Sequence[str]], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class References:
    """What rows are judged against.

    Args:
        perimeter: INSEE codes of the programme's communes.
        cog: every INSEE code.
        postcodes: INSEE codes that share each postcode.
        action_codes: codes of the programme's actions.
        programme_start: first day of the programme.
        lookup: rows in force of another feed, of the row's programme, by the identifier that others refer to.
        epcis: SIREN of the EPCI of the perimeter.
        indicator_codes: codes of the catalogue.
        funding_schemes: schemes of aid by their code.
    """

    perimeter: frozenset[str]
    cog: frozenset[str]
    postcodes: Mapping[str, tuple[str, ...]]
    action_codes: frozenset[str]
    programme_start: dt.date
    lookup: Lookup
    epcis: frozenset[str]
    indicator_codes: Collection[str]
    funding_schemes: Mapping[str, FundingScheme]


@dataclass(frozen=True, slots=True)
class Context:
    """Whose file it is, of which feed and period, and what it is judged against.

    Args:
        has_convention: the account has its notice, legal basis, contract and country: personal columns are allowed.
        erased: digests of people whose rows of this period are refused, since they were erased.
    """

    contract: Contract
    partner_code: str
    programme_code: str
    period: Period
    pseudonymiser: Pseudonymiser
    references: References
    has_convention: bool
    erased: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the rows of one file, or of one batch of it.

    Args:
        rows_received: records of the table, title, blank, repeated header and totals rows left out.
        accepted: `contract.raw_columns` (canonical text), `_row_number` and `_row_hash`.
        awaiting: the same columns, `awaited_feed`, `awaited_id`, and `awaited_column`, which cannot be judged yet.
        findings: `FINDINGS`; every rule broken, values masked where personal.
        rejected: `row_number` and `row_values`, the row as JSON with personal values masked.
        refused_source: the refused rows as written, under the header as written, and `_row_number`.
        lines: what `accepted` has of the columns that are kept as they are, as lines of COPY, where that is known.
    """

    rows_received: int
    accepted: pl.DataFrame
    awaiting: pl.DataFrame
    findings: pl.DataFrame
    rejected: pl.DataFrame
    refused_source: pl.DataFrame
    lines: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What only the whole file tells.

    Args:
        postcode_columns: commune columns that hold postcodes.
        faults: `_row_number`, `column`, `rule_id`, `severity`, `value` and `detail` of rows that are refused for
            what other rows of the file say.
    """

    postcode_columns: frozenset[str]
    faults: pl.DataFrame

    def agrees(self, other: FileFacts) -> bool:
        """Whether judging again with `other` would refuse or convert other rows."""
        if self.postcode_columns != other.postcode_columns or self.faults.height != other.faults.height:
            return False
        return self.faults.is_empty() or _ordered(self.faults).equals(_ordered(other.faults))


def references_of(programme_code: str, lookup: Lookup) -> References:
    """References of one programme, from the packaged reference data and what finds the rows of other feeds.

    Raises:
        ConfigurationError: no such programme.
    """
    programme = load_programme(programme_code)
    return References(
        perimeter=programme.perimeter,
        cog=load_cog(),
        postcodes=load_postcodes(),
        action_codes=programme.action_codes,
        programme_start=programme.start,
        lookup=lookup,
        epcis=load_epcis(programme_code),
        indicator_codes=load_indicator_codes(),
        funding_schemes=load_funding_schemes(),
    )


def judge_file(path: Path, extension: str, context: Context, sheet: str | None = None) -> Judgement:
    """Read and judge one file that memory can hold.

    Args:
        path: the bytes, whatever their name.
        extension: `csv`, `xlsx`, `ods` or `xls`.
        sheet: the only sheet to look at.

    Raises:
        BlockedFile: nothing of the file can be taken.
    """
    check_convention(context)
    return judge_reading(open_reading(path, extension, context.contract, sheet), context)


def judge_reading(reading: Reading, context: Context) -> Judgement:
    """Judge every batch of a reading, again until the facts agree, and put the judgements together."""
    judge = FileJudge(reading, context)
    parts = list(judge)
    for _ in range(PASSES):
        if judge.is_settled:
            break
        judge = FileJudge(reading, context, judge.facts)
        parts = list(judge)
    return Judgement(
        rows_received=sum(part.rows_received for part in parts),
        accepted=pl.concat([part.accepted for part in parts]),
        awaiting=pl.concat([part.awaiting for part in parts]),
        findings=pl.concat([part.findings for part in parts]).sort("row_number", maintain_order=True),
        rejected=pl.concat([part.rejected for part in parts]),
        refused_source=pl.concat([part.refused_source for part in parts]),
    )


def check_convention(context: Context) -> None:
    """See that the account may send what the contract calls personal.

    Raises:
        BlockedFile: CLE-ABSENTE-CONVENTION.
    """
    if context.has_convention or not context.contract.has_personal:
        return
    personal = ", ".join(column.name for column in context.contract.columns if column.is_personal)
    raise BlockedFile(
        "CLE-ABSENTE-CONVENTION",
        f"Votre compte ne permet pas encore d'envoyer de données personnelles ({personal}).",
        "Transmettez à l'équipe de pilotage la notice d'information, la base légale, le contrat et le pays de"
        " traitement ; le fichier est gardé et sera relu ensuite.",
    )


class FileJudge:
    """Judges a file batch by batch.

    Iterating gives one judgement a batch, then a last one without rows for findings about the whole file. Afterwards
    `facts` tells what the whole file says, and `is_settled` whether this pass assumed as much. Where it did not (never
    for a file of one batch, rarely for another) its judgements are to be thrown away, and the file judged again with
    these facts.

    Args:
        reading: the table; it is read once more only where rows of several batches seem to repeat one another.
        facts: what an earlier pass found.

    Raises:
        BlockedFile: CLE-ABSENTE-CONVENTION.
    """

    def __init__(self, reading: Reading, context: Context, facts: FileFacts | None = None) -> None:
        check_convention(context)
        self._reading, self._context, self._given = reading, context, facts
        self._postcodes = None if facts is None else facts.postcode_columns
        self._kinds: dict[str, Kinds] = {}
        self._readers = Readers()
        self._repeats = Repeats()
        self._whole = Whole(context.contract)
        self._notes: dict[tuple[str, str], _NoteCount] = {}
        self._assumed: list[pl.DataFrame] = []
        self._facts: FileFacts | None = None

    @property
    def facts(self) -> FileFacts:
        """What the whole file tells; known after the last batch."""
        if self._facts is None:
            raise RuntimeError("the facts of a file are known after its last batch")
        return self._facts

    @property
    def is_settled(self) -> bool:
        """Whether the judgements stand: judging again with `facts` would refuse or convert no other row."""
        assumed = FileFacts(self._postcodes or frozenset(), pl.concat([no_faults(), *self._assumed]))
        return assumed.agrees(self.facts)

    def __iter__(self) -> Iterator[Judgement]:
        for batch in self._reading.batches():
            yield self._judge(batch)
        self._facts = self._find_facts()
        yield self._closing()

    # ------------------------------------------------------------------------------------------------ one batch

    def _judge(self, batch: Batch) -> Judgement:
        context, contract = self._context, self._context.contract
        cells = self._read(batch.cells)
        rows = _with_people(_canonical(cells, batch.cells[ROW], contract), context)
        rows = with_objects(rows, context)
        lines = _lines(cells, contract)
        identity = _identity(lines, cells, rows, contract)
        found = [
            no_faults(),
            *form_faults(cells, rows, contract),
            *run(rows, cells, checks_of(rows, cells, context)),
            self._repeated(rows, identity),
        ]
        found.append(self._summed(rows, pl.concat(found)))
        is_refused = refused(rows, pl.concat(found))
        taken = rows.with_columns(_hash(identity, context), lines.alias(_LINE))
        which = pl.Series([], dtype=pl.UInt32)
        if is_refused is not None:
            taken, which = taken.filter(~is_refused), is_refused.arg_true()
        self._count_notes(cells, rows)
        self._whole.add(taken)
        accepted, awaiting = split_awaiting(_with_tokens(taken, context), contract)
        lines = taken[_LINE]
        if awaiting.height:
            lines = lines.filter(~taken[ROW].is_in(awaiting[ROW].implode()))
        found += [*awaiting_faults(taken, contract), truncated_faults(batch.truncated)]
        return Judgement(
            rows_received=batch.cells.height + batch.truncated.height,
            accepted=accepted,
            lines=lines,
            awaiting=awaiting,
            findings=findings_of(batch.remarks, found, contract),
            rejected=rejected_rows(cells, rows[ROW], which, batch.truncated, contract),
            refused_source=refused_rows(self._reading.header, batch, which),
        )

    def _read(self, written: pl.DataFrame) -> dict[str, Cells]:
        """The columns of the contract as read; commune codes beside the names that tell them from postcodes."""
        contract, positions = self._context.contract, self._reading.header.positions
        places = _places(self._context.references)
        raw: dict[str, pl.Series] = {}
        for column in contract.columns:
            if column.name in positions:
                series = written[f"c{positions[column.name]}"]
                raw[column.name] = series.fill_null("") if series.null_count() else series
        pairs = {name: _paired(raw, contract.column(name)) for name in _commune_columns(contract) if name in raw}
        for name, series in pairs.items():
            found = commune_kinds(series.unique().to_list(), places)
            self._kinds[name] = self._kinds.get(name, Kinds()) | found
        if self._postcodes is None:
            self._postcodes = self._postcode_columns()
        forms = {column.name: _form(column, self._context, self._postcodes) for column in contract.columns}
        cells = self._readers.read(raw | pairs, forms, written.height)
        for name, series in pairs.items():
            if series is not raw[name]:
                cells[name] = _unpaired(cells[name])
        return cells

    def _postcode_columns(self) -> frozenset[str]:
        return frozenset(name for name, kinds in self._kinds.items() if kinds.are_postcodes)

    def _repeated(self, rows: pl.DataFrame, identity: pl.Series) -> pl.DataFrame:
        """Rows that say what another row says, or contradict it: as given, or as this batch tells."""
        key = key_of(rows, self._context.contract)
        own = self._repeats.add(rows[ROW], identity, key)
        found = own if self._given is None else _of_rows(self._given.faults, rows[ROW], REPEATED)
        self._assumed.append(found)
        return found

    def _summed(self, rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
        """Rows of groups whose values do not add up, among those that nothing else refuses."""
        rules = self._context.contract.sums
        if not rules:
            return no_faults()
        is_refused = refused(rows, found)
        left = rows if is_refused is None else rows.filter(~is_refused)
        self._whole.add_sums(left)
        if self._given is None:
            wrong = pl.concat([no_faults(), *(wrong_sums(sums(left, rule), rule) for rule in rules)])
        else:
            wrong = _of_rows(self._given.faults, rows[ROW], (SUMMED,))
        self._assumed.append(wrong)
        return wrong

    def _count_notes(self, cells: Mapping[str, Cells], rows: pl.DataFrame) -> None:
        for name, column in cells.items():
            if not column.has("note"):
                continue
            notes = column.rows("note")
            for rule_id in notes.drop_nulls().unique(maintain_order=True):
                if rule_id == PERSONAL:
                    continue
                met = (notes == rule_id).arg_true()
                count = self._notes.setdefault((name, rule_id), _NoteCount(rule_id, rows[ROW][met[0]]))
                count.rows += met.len()
                if not count.is_full:
                    first = met.head(1_000)
                    count.add(zip(column.at("trim", first), column.at("value", first), strict=True))

    # ----------------------------------------------------------------------------------------------- whole file

    def _find_facts(self) -> FileFacts:
        repeated = self._repeats.faults(self._read_again)
        return FileFacts(self._postcode_columns(), pl.concat([no_faults(), repeated, *self._whole.wrong_sums()]))

    def _read_again(self, lines: pl.Series) -> Iterator[tuple[pl.Series, pl.Series, pl.Series]]:
        """Line, identity and key of the rows of some lines; texts stand hashed, as there may be many."""
        contract, hash_rows = self._context.contract, self._context.pseudonymiser.hash_rows
        for batch in self._reading.batches():
            written = batch.cells.filter(pl.col(ROW).is_in(lines.implode()))
            if written.height:
                cells = self._read(written)
                rows = _with_people(_canonical(cells, written[ROW], contract), self._context)
                identity = _identity(_lines(cells, contract), cells, rows, contract)
                yield rows[ROW], hash_rows(identity), hash_rows(key_of(rows, contract))

    def _closing(self) -> Judgement:
        contract = self._context.contract
        noted = [_note_fault(name, count, contract) for (name, _), count in self._notes.items()]
        columns = [*contract.raw_columns, ROW, HASH]
        nothing = pl.DataFrame(schema={name: pl.Int32 if name == ROW else pl.String for name in columns})
        names = [name for name in source_names(self._reading.header) if name is not None]
        return Judgement(
            rows_received=0,
            accepted=nothing,
            awaiting=nothing.with_columns(pl.lit(None, pl.String).alias(name) for name in AWAITED),
            findings=findings_of(self._reading.remarks, [*noted, *self._whole.warnings()], contract),
            rejected=pl.DataFrame(schema=REJECTED),
            refused_source=pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW: pl.Int32}),
        )


_LINE = "_line"
_OF_PLACES = ("CODE-POSTAL-CONVERTI", "CODE-AMBIGU")


@dataclass(slots=True)
class _NoteCount:
    """How many rows of a column one note is about, the first of them, and examples of what was written and read."""

    rule_id: str
    first: int
    rows: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether there are examples enough: conversions of places are worth a look each, of the rest one is enough."""
        return len(self.examples) >= (5 if self.rule_id in _OF_PLACES else 1)

    def add(self, pairs: Iterable[tuple[str | None, str | None]]) -> None:
        """Take in pairs of what was written and what it was understood as."""
        for written, read in pairs:
            example = (written or "", read or "")
            if not self.is_full and example not in self.examples:
                self.examples.append(example)


def _note_fault(name: str, count: _NoteCount, contract: Contract) -> pl.DataFrame:
    personal = contract.column(name).is_personal
    shown = [(MASK, MASK) if personal else (written[:60], read[:60] or "vide") for written, read in count.examples]
    if count.rule_id in _OF_PLACES:
        communes = load_communes()
        shown = [(text, f"{code} ({communes[code].name})" if code in communes else code) for text, code in shown]
    told = " ; ".join(dict.fromkeys(f"« {written} » compris comme « {read} »" for written, read in shown))
    many = "1 ligne" if count.rows == 1 else f"{count.rows} lignes"
    first = pl.Series([count.first], dtype=pl.Int32)
    return faults(first, name, count.rule_id, severity=NOTE, detail=f"{many} : {told}")


def judge_awaited(rows: pl.DataFrame, context: Context) -> Judgement:
    """Judge rows again that waited for what they refer to.

    Args:
        rows: columns of an earlier `Judgement.awaiting`, of one delivery.

    Returns:
        Rows of which all is known now (accepted, or refused for what it says), and those that still wait. The refused
        rows are shown in their canonical form: what was written is not kept. Rows about one object waited together:
        that they are too many is told now.
    """
    contract = context.contract
    known = with_objects(rows.drop(OBJECT_PARTNER, *AWAITED, strict=False), context)
    cells = _kept_cells(known, contract)
    found = pl.concat([no_faults(), *run(known, cells, list(object_checks(cells, context)))])
    is_refused = refused(known, found)
    taken = known if is_refused is None else known.filter(~is_refused)
    accepted, awaiting = split_awaiting(taken, contract)
    told = [*awaiting_faults(taken, contract), *crowds(taken, contract)]
    left = known.clear() if is_refused is None else known.filter(is_refused)
    return Judgement(
        rows_received=rows.height,
        accepted=accepted,
        awaiting=awaiting,
        findings=findings_of((), [found, *told], contract),
        rejected=kept_rejected(left, contract),
        refused_source=left.select(*kept_names(contract), ROW),
    )


def refuse_awaited(rows: pl.DataFrame, context: Context) -> Judgement:
    """Refuse rows (columns of an earlier `Judgement.awaiting`) of which something never came.

    REFERENCE-INCONNUE where that is the object, DATE-OBJET where the object has not the date that theirs is judged by.
    """
    contract = context.contract
    known = rows.drop(OBJECT_PARTNER, strict=False).with_columns(pl.lit(None, pl.String).alias(OBJECT_PARTNER))
    checks = [
        Check(
            rule.column,
            "DATE-OBJET",
            pl.col("awaited_column") == rule.column,
            detail=pl.lit(_never_told(rule, contract)),
        )
        for rule in contract.object_dates
    ]
    for column in referring_columns(contract):
        check = Check(
            column.name,
            "REFERENCE-INCONNUE",
            (pl.col("awaited_id") == pl.col(column.name)) & (pl.col("awaited_feed") == feed_of(column)),
            detail=pl.col("awaited_feed"),
        )
        checks.append(check)
    found = [no_faults(), *run(known, _kept_cells(known, contract), checks)]
    return Judgement(
        rows_received=rows.height,
        accepted=rows.clear().select(*contract.raw_columns, ROW, HASH),
        awaiting=rows.clear(),
        findings=findings_of((), [pl.concat(found).unique(ROW, keep="first", maintain_order=True)], contract),
        rejected=kept_rejected(known, contract),
        refused_source=rows.select(*kept_names(contract), ROW),
    )


def judge_overdue(rows: pl.DataFrame, context: Context) -> Judgement:
    """Judge rows (columns of an earlier `Judgement.awaiting`) a last time: what still waits is refused."""
    judged = judge_awaited(rows, context)
    refused_now = refuse_awaited(judged.awaiting, context)
    decided = judged.findings.filter(pl.col("severity") != AWAITING)
    return replace(
        judged,
        awaiting=refused_now.awaiting,
        findings=pl.concat([decided, refused_now.findings]),
        rejected=pl.concat([judged.rejected, refused_now.rejected]),
        refused_source=pl.concat([judged.refused_source, refused_now.refused_source]),
    )


def _never_told(rule: ObjectDate, contract: Contract) -> str:
    """Which date was never told, after « la date attendue est »."""
    assert contract.reference is not None
    assert contract.reference.references is not None
    feed = contract.reference.references.feeds[0][1]
    title = load_contract(feed).column(rule.of).title
    return f"jugée d'après « {title} » (flux {feed}), qui n'a pas été donnée dans le délai"


def _kept_cells(rows: pl.DataFrame, contract: Contract) -> dict[str, Cells]:
    return {name: Cells(dict.fromkeys(("trim", "text", "value"), rows[name])) for name in kept_names(contract)}


def _form(column: Column, context: Context, postcode_columns: frozenset[str]) -> Form:
    references, checks = context.references, column.checks
    if "action" in checks:
        form = _codes_form(references.action_codes, "ACTION-INCONNUE")
    elif "indicator" in checks:
        form = _codes_form(frozenset(references.indicator_codes), "INDICATEUR-INCONNU")
    elif "funding_scheme" in checks:
        schemes = references.funding_schemes.values()
        known = frozenset(scheme.code for scheme in schemes if scheme.programme == context.programme_code)
        form = _codes_form(known, "DISPOSITIF")
    elif "epci" in checks:
        form = _epci_form(references.epcis)
    elif column.name in _commune_columns(context.contract):
        form = commune_form(column, _places(references), are_postcodes=column.name in postcode_columns)
    elif "programme" in checks:
        own = context.programme_code
        form = list_form((own,), "PROGRAMME", own, own)
    else:
        form = plain_form(column)
    return form


@lru_cache(maxsize=64)
def _codes_form(codes: frozenset[str], rule_id: str) -> Form:
    known = tuple(sorted(codes))
    return list_form(known, rule_id, None, ", ".join(known[:20]) + (", …" if len(known) > 20 else ""))


@lru_cache(maxsize=16)
def _epci_form(epcis: frozenset[str]) -> Form:
    return epci_form(epcis)


def _places(references: References) -> Places:
    return Places(references.perimeter, references.cog, references.postcodes)


@lru_cache(maxsize=64)
def _commune_columns(contract: Contract) -> tuple[str, ...]:
    return tuple(
        column.name for column in contract.columns if {"commune_perimetre", "commune_cog"} & set(column.checks)
    )


def _paired(raw: Mapping[str, pl.Series], column: Column) -> pl.Series:
    """A commune's code beside its name, where the file has both."""
    code = raw[column.name]
    name = raw.get(column.name_column) if column.name_column else None
    return code if name is None else code + PAIR + name


def _unpaired(cells: Cells) -> Cells:
    """The column of codes again, without the names."""
    fields = dict(cells.fields)
    for kind in ("trim", "text"):
        code = pl.col(kind).str.splitn(PAIR, 2).struct[0].str.strip_chars()
        fields[kind] = (
            fields[kind].alias(kind).to_frame().select(pl.when(code != "").then(code).alias(kind)).to_series()
        )
    return Cells(fields, cells.codes)


def _canonical(cells: Mapping[str, Cells], numbers: pl.Series, contract: Contract) -> pl.DataFrame:
    """Canonical text of every column, and the lines."""
    columns = [cells[column.name].rows("value").alias(column.name) for column in contract.columns]
    return pl.DataFrame([*columns, numbers.alias(ROW)])


def _with_people(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Add the keyed hashes, the age band, `_node`, the key that stands for the person in the row's own key, and `_is_erased`."""
    if not context.contract.has_people:
        return rows
    keys = context.pseudonymiser.person_keys(rows)
    age = context.period.start.year - pl.col("annee_naissance").cast(pl.Int32)
    band = pl.lit(AGE_BANDS[-1][1])
    for (_, label), (following, _) in reversed(list(itertools.pairwise(AGE_BANDS))):
        band = pl.when(age < following).then(pl.lit(label)).otherwise(band)
    return rows.hstack(keys.get_columns()).with_columns(
        _age=age,
        tranche_age=pl.when(age >= MINIMUM_AGE).then(band),
        _node=pl.coalesce("person_key_2", "person_key_1"),
        _is_erased=are_erased(keys, context.erased, context.pseudonymiser),
    )


def _with_tokens(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Put keyed hashes in the place of tokens, and the key's name beside any hash."""
    contract = context.contract
    tokens = [column.name for column in contract.columns if column.is_token]
    if "_hmac_key_id" not in contract.raw_columns:
        return rows
    hashed = [context.pseudonymiser.hash_rows(rows[name]) for name in tokens]
    return rows.with_columns(*hashed, pl.lit(context.pseudonymiser.key_id).alias("_hmac_key_id"))


def _lines(cells: Mapping[str, Cells], contract: Contract) -> pl.Series:
    """The columns that are kept as they are, as lines of COPY."""
    return joined([cells[name].copied() for name in kept_names(contract)])


def _identity(lines: pl.Series, cells: Mapping[str, Cells], rows: pl.DataFrame, contract: Contract) -> pl.Series:
    """Canonical text of a whole row, beginning with its line: what cannot be read stands as it was written."""
    parts = [
        pl.lit("\x1f") + pl.col(column.name).fill_null("\x00") for column in contract.columns if column.is_personal
    ]
    unread = [column.name for column in contract.columns if cells[column.name].has("fault")]
    for name in unread:
        is_unread = pl.col(name).is_null() & pl.col(f"text:{name}").is_not_null()
        parts.append(pl.when(is_unread).then(pl.lit(f"\x1f{name}:") + pl.col(f"text:{name}")).otherwise(pl.lit("")))
    if not parts:
        return lines
    written = [cells[name].rows("text").alias(f"text:{name}") for name in unread]
    whole = rows.with_columns(lines.alias(_LINE), *written).select(pl.concat_str(_LINE, *parts).alias("identity"))
    return whole.to_series()


def _hash(identity: pl.Series, context: Context) -> pl.Series:
    """Keyed hash of a whole row: 128 bits tell rows apart."""
    return context.pseudonymiser.hash_rows(identity).str.head(32).alias(HASH)


def _ordered(found: pl.DataFrame) -> pl.DataFrame:
    return found.sort(ROW, "column", "rule_id", "detail")


def _of_rows(found: pl.DataFrame, numbers: pl.Series, rules: Sequence[str]) -> pl.DataFrame:
    return found.filter(pl.col("rule_id").is_in(rules) & pl.col(ROW).is_in(numbers.implode()))
