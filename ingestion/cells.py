"""Columns of one batch, read as their forms say: each different value once, however often a column repeats it.

Closed lists and codes are read by plain functions over the different values; dates, numbers and free texts by
expressions, over the different values, or over the rows where nearly every value is different. What every cell already
has in its canonical form is not worked on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from ingestion.copy_lines import as_cells
from ingestion.records import NO_VALUE
from ingestion.vocabulary import Vocabulary

MASK = "•••"
BIG = 2_000
# different values of a column that are kept for the next batches of a file, and their bytes
KEPT_VALUES, KEPT_BYTES = 100_000, 4 << 20
# how often a value is met on average, for telling the different ones to pay
LEAST_REPEATED = 2
_EMAIL = r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"
_PHONE = r"(?:(?:\+|\b00)[1-9][0-9]{0,2}[\s.-]?(?:\(0\)[\s.-]?)?[0-9]{1,3}(?:[\s.-]?[0-9]{2}){3,4}|\b0[1-9](?:[\s.-]?[0-9]{2}){4})\b"
_NIR = r"\b[12]\s?[0-9]{2}\s?(?:0[1-9]|1[0-2]|[2-9][0-9])\s?(?:[0-9]{2}|2[AB])\s?[0-9]{3}\s?[0-9]{3}(?:\s?[0-9]{2})?\b"
PERSONAL_TEXT = rf"{_EMAIL}|{_PHONE}|{_NIR}"
_BLANKS = " \t\n\r\u00a0\u202f\u2007\u2009\u200b\ufeff"
_CONTROLS = r"[\x00-\x1f\x7f]+"
_UNTRIMMED = r"^$|^[\s\u200b\ufeff]|[\s\u200b\ufeff]$|[\x00-\x1f\x7f]|\s\s|[\u00a0\u202f\u2007\u2009]"
_UNCOMPOSED = r"[^\x00-\u02ff]"
# what stands for nothing at all; names of people are held to the first ones only
ABSENT_NAMES = ("nc", "n.c.", "n/c", "n/a", "-", "--", "–", "—", "non communiqué", "non renseigné")
ABSENT = (
    *ABSENT_NAMES,
    *("na", "n.a.", "nd", "n.d.", "n/d", "---", "néant", "neant", "sans objet", "s.o.", "s/o", "null", "none", "nan"),
    *("non communique", "non renseigne", "non communiquée", "non renseignée"),
)


@dataclass(frozen=True, slots=True)
class Understood:
    """How one value of a closed list is understood: a canonical `value`, or the rule that it breaks."""

    value: str | None = None
    rule_id: str | None = None
    detail: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How the cells of one column are read: by `read`, value by value, or else by expressions over a frame.

    Args:
        read: one trimmed value, over the different values of the column.
        value: canonical text, null where not readable; over `text:<name>`.
        unread: rule that something written without a value breaks, over `text:<name>`; `unread_detail` what its
            sentence adds.
        fault: rule that a value breaks, or null; over `text:<name>` and `value:<name>`; `detail` what its sentence adds.
        note: rule to mention although nothing is wrong, or null; over the same as `fault`.
        default: value of an empty cell.
        absent: words, in lower case, that stand for an empty cell.
        is_scrubbed: where its note is met, what looks personal is masked in the value.
        plain: pattern of texts that are canonical as they stand: where every cell has it, `as_written` reads the column.
        as_written: the same form, for such columns; it gives no notes and reads no value otherwise than it is.
    """

    read: Callable[[str], Understood] | None = None
    value: pl.Expr | None = None
    unread: pl.Expr | None = None
    unread_detail: pl.Expr | None = None
    fault: pl.Expr | None = None
    detail: pl.Expr | None = None
    note: pl.Expr | None = None
    default: str | None = None
    absent: tuple[str, ...] = ABSENT
    is_scrubbed: bool = False
    plain: str | None = None
    as_written: Form | None = None


@dataclass(slots=True)
class Cells:
    """One column as read.

    Args:
        fields: `trim` (as written, trimmed), `text` (null also where it says that there is nothing), `value`
            (canonical), and where there is any `fault`, `detail` and `note`; a row each, or a different value each,
            with `copied` beside: the value as a cell of a line of COPY.
        codes: index of each row's value among the different ones; none where `fields` have a row each.
    """

    fields: dict[str, pl.Series]
    codes: pl.Series | None = None
    _rows: dict[str, pl.Series] = field(default_factory=dict)
    _has: dict[str, bool] = field(default_factory=dict)

    def rows(self, name: str) -> pl.Series:
        """One field, a value a row."""
        if self.codes is None:
            return self.fields[name]
        if name not in self._rows:
            self._rows[name] = self.fields[name].gather(self.codes)
        return self._rows[name]

    def at(self, name: str, rows: pl.Series) -> pl.Series:
        """One field, at some rows (their indices)."""
        if name not in self.fields:
            return pl.Series(name, [None] * rows.len(), pl.String)
        indices = rows if self.codes is None else self.codes.gather(rows)
        return self.fields[name].gather(indices)

    def picked(self, name: str, rows: pl.Series) -> pl.Expr:
        """One field that every column has, at some rows (their indices), as an expression of its own."""
        indices = pl.lit(rows) if self.codes is None else pl.lit(self.codes).gather(pl.lit(rows))
        return pl.lit(self.fields[name]).gather(indices)

    def copied(self) -> tuple[pl.Series, bool]:
        """The canonical values, and whether they are cells of a line of COPY already."""
        return (self.fields["value"], False) if self.codes is None else (self.rows("copied"), True)

    def has(self, name: str) -> bool:
        """Whether some row has this field."""
        if name not in self._has:
            found = self.fields.get(name)
            has_any = found is not None and found.null_count() < found.len()
            if has_any and self.codes is not None:
                assert found is not None
                has_any = bool(found.is_not_null().gather(self.codes).any())
            self._has[name] = has_any
        return self._has[name]


def scrubbed(text: pl.Expr) -> pl.Expr:
    """A text with e-mails, telephones and social security numbers masked."""
    return text.str.replace_all(PERSONAL_TEXT, MASK)


class Readers:
    """Reads the columns of one file, batch by batch: what a column repeats is read once in the whole file."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        # columns of which nearly every value is different
        self._unlike: set[str] = set()

    def read(self, raw: Mapping[str, pl.Series], forms: Mapping[str, Form], height: int) -> dict[str, Cells]:
        """Read the columns of one batch.

        Args:
            raw: cells as written, of the columns that the file has; nothing is empty, as the empty text is.
            forms: form of each column of the contract, the same for every batch.
            height: number of rows.
        """
        is_big = height > BIG
        cells: dict[str, Cells] = {}
        by_row: dict[str, pl.Series] = {}
        for name, form in forms.items():
            written = raw.get(name)
            if written is None or (is_big and _is_blank(written)):
                cells[name] = _absent_column(form.default, height)
            elif is_big and (form.read is not None or name not in self._unlike):
                cells[name] = self._read_different(name, form, written)
            elif form.read is not None:
                cells[name] = Cells(_read_values(written, form))
            else:
                by_row[name] = written.alias(name)
        if by_row:
            fields = _read_group(list(by_row.values()), {name: forms[name] for name in by_row})
            cells |= {name: Cells(fields[name]) for name in by_row}
        return {name: cells[name] for name in forms}

    def _read_different(self, name: str, form: Form, written: pl.Series) -> Cells:
        known = self._known.setdefault(name, _Known())
        codes, new = known.values.codes(written)
        known.rows += written.len()
        if new.len():
            known.size += int(new.str.len_bytes().sum())
            fields = _read_values(new, form) if form.read else _read_group([new.alias(name)], {name: form})[name]
            known.add(fields | {"copied": as_cells(fields["value"])})
        if len(known.values) > KEPT_VALUES or known.size > KEPT_BYTES:
            del self._known[name]
            if len(known.values) * LEAST_REPEATED > known.rows:
                self._unlike.add(name)
        return Cells(known.fields, codes)


class _Known:
    """The different values of a column that were met so far, and their fields."""

    def __init__(self) -> None:
        self.values = Vocabulary()
        self.rows = self.size = 0
        self.fields: dict[str, pl.Series] = {}

    def add(self, fields: Mapping[str, pl.Series]) -> None:
        """Take in the fields of values that are new."""
        before, more = (len(next(iter(part.values()), ())) for part in (self.fields, fields))
        self.fields = {
            kind: pl.concat([_field(self.fields, kind, before), _field(fields, kind, more)], rechunk=True)
            for kind in (*KINDS, "copied")
            if kind in self.fields or kind in fields
        }


def _field(fields: Mapping[str, pl.Series], kind: str, height: int) -> pl.Series:
    found = fields.get(kind)
    return found.alias(kind) if found is not None else pl.repeat(None, height, dtype=pl.String, eager=True).alias(kind)


def _is_blank(written: pl.Series) -> bool:
    return written[0] == "" and written.str.len_bytes().max() == 0


def _absent_column(default: str | None, height: int) -> Cells:
    nothing = pl.repeat(None, height, dtype=pl.String, eager=True)
    value = nothing if default is None else pl.repeat(default, height, dtype=pl.String, eager=True)
    return Cells({"trim": nothing, "text": nothing, "value": value})


def _read_values(written: pl.Series, form: Form) -> dict[str, pl.Series]:
    """Fields of some values, each read by the form's function."""
    texts = written.to_list()
    known = {text: _read_value(form, text) for text in dict.fromkeys(texts)}
    columns = zip(*(known[text] for text in texts), strict=True) if texts else ((),) * len(KINDS)
    return {
        kind: pl.Series(kind, values, pl.String)
        for kind, values in zip(KINDS, columns, strict=True)
        if kind in _ALWAYS or any(value is not None for value in values)
    }


KINDS = ("trim", "text", "value", "fault", "detail", "note")
_ALWAYS = ("trim", "text", "value")


def _read_value(form: Form, written: str) -> tuple[str | None, ...]:
    """One value as written, in the order of `KINDS`."""
    trim = trimmed(written)
    text = None if trim.lower() in form.absent else trim or None
    found = _understood(form, text)
    note = "ABSENT-LU" if text is None and trim else found.note
    return trim or None, text, found.value, found.rule_id, found.detail, note


def _understood(form: Form, text: str | None) -> Understood:
    assert form.read is not None
    if text is None:
        return Understood(form.default)
    return Understood(rule_id="FORMULE-SANS-VALEUR") if text.startswith(NO_VALUE) else form.read(text)


@lru_cache(maxsize=8192)
def trimmed(text: str) -> str:
    """A cell without control characters and blanks around it, composed (NFC)."""
    if text.isascii() and text.isprintable():
        return text.strip()
    if text.startswith(NO_VALUE):
        return text
    plain = "".join(" " if character < " " or character == "\x7f" else character for character in text)
    return unicodedata.normalize("NFC", plain.strip(_BLANKS))


@dataclass(frozen=True, slots=True)
class _Doubts:
    """What some cell of a column may need: the rest is not done."""

    trimming: bool
    composing: bool
    absence: bool


_PLAIN = _Doubts(trimming=False, composing=False, absence=False)
_DOUBTFUL = _Doubts(trimming=True, composing=True, absence=True)
# longest word of those that stand for nothing, in bytes
_LONGEST_ABSENT = max(len(word.encode()) for word in ABSENT)


def _doubts(frame: pl.DataFrame, forms: Mapping[str, Form]) -> dict[str, _Doubts]:
    """What each column needs; `_PLAIN` where every cell is canonical as it stands."""
    plain = {name: form.plain for name, form in forms.items() if form.plain is not None}
    is_plain = (
        frame.select(_is_plain(name, pattern) for name, pattern in plain.items()).row(0, named=True) if plain else {}
    )
    doubted = [name for name in forms if not is_plain.get(name)]
    if frame.height <= BIG or not doubted:
        return {name: _DOUBTFUL if name in doubted else _PLAIN for name in forms}
    row = frame.select(expression for name in doubted for expression in _kinds_of_doubt(name)).row(0, named=True)
    return {
        name: _Doubts(*(bool(row[f"{kind}:{name}"]) for kind in ("trimming", "composing", "absence")))
        if name in doubted
        else _PLAIN
        for name in forms
    }


@lru_cache(maxsize=1024)
def _is_plain(name: str, pattern: str) -> pl.Expr:
    return pl.col(name).str.contains(f"^$|{pattern}").all()


@lru_cache(maxsize=1024)
def _kinds_of_doubt(name: str) -> tuple[pl.Expr, ...]:
    text = pl.col(name)
    return (
        text.str.contains(_UNTRIMMED).any().alias(f"trimming:{name}"),
        text.str.contains(_UNCOMPOSED).any().alias(f"composing:{name}"),
        (text.str.len_bytes().min() <= _LONGEST_ABSENT).alias(f"absence:{name}"),
    )


def _read_group(columns: Sequence[pl.Series], forms: Mapping[str, Form]) -> dict[str, dict[str, pl.Series]]:
    """Fields of columns of one height, each step for all of them at once."""
    frame = pl.DataFrame(columns)
    doubts = _doubts(frame, forms)
    used = {
        name: form.as_written if doubts[name] is _PLAIN and form.as_written is not None else form
        for name, form in forms.items()
    }
    fields = _read_with(frame, used, doubts)
    # a date or a number of identification may look right and not exist: the whole form tells what is wrong with it
    again = {
        name: forms[name]
        for name, form in used.items()
        if form is not forms[name] and fields[name]["value"].null_count() > fields[name]["text"].null_count()
    }
    if again:
        fields |= _read_with(frame.select(list(again)), again, {name: doubts[name] for name in again})
    return fields


def _read_with(
    frame: pl.DataFrame, forms: Mapping[str, Form], doubts: Mapping[str, _Doubts]
) -> dict[str, dict[str, pl.Series]]:
    rows = frame.select(_trim(name, doubts[name]) for name in forms)
    if any(doubts[name].absence and form.absent for name, form in forms.items()):
        rows = rows.with_columns(_text(name, form.absent) for name, form in forms.items() if doubts[name].absence)
    rows = rows.with_columns(
        *(pl.col(f"trim:{name}").alias(f"text:{name}") for name in forms if f"text:{name}" not in rows.columns)
    )
    rows = rows.with_columns(
        form.value.alias(f"value:{name}") for name, form in forms.items() if form.value is not None
    )
    judged: list[pl.Expr] = []
    for name, form in forms.items():
        if form.note is not None:
            judged.append(form.note.alias(f"note:{name}"))
        if form.unread is not None and rows[f"value:{name}"].null_count() > rows[f"text:{name}"].null_count():
            judged += _unread(name, form)
        elif form.fault is not None:
            judged.append(form.fault.alias(f"fault:{name}"))
            if form.detail is not None:
                judged.append(form.detail.alias(f"detail:{name}"))
    if judged:
        rows = rows.with_columns(judged)
    return {name: _fields(rows, name, form) for name, form in forms.items()}


@lru_cache(maxsize=2048)
def _trim(name: str, doubts: _Doubts) -> pl.Expr:
    text = pl.col(name)
    if doubts.trimming:
        plain = text.str.replace_all(_CONTROLS, " ").str.strip_chars(_BLANKS)
        text = pl.when(text == NO_VALUE).then(text).when(plain != "").then(plain)
    elif doubts is _PLAIN:
        text = pl.when(text != "").then(text)
    if doubts.composing:
        text = text.str.normalize("NFC")
    return text.alias(f"trim:{name}")


@lru_cache(maxsize=2048)
def _text(name: str, absent: tuple[str, ...]) -> pl.Expr:
    text = pl.col(f"trim:{name}")
    return pl.when(~text.str.to_lowercase().is_in(absent)).then(text).alias(f"text:{name}")


def _unread(name: str, form: Form) -> Iterator[pl.Expr]:
    """Fault and detail where some cell has no value although something is written."""
    assert form.unread is not None
    text = pl.col(f"text:{name}")
    is_unread = text.is_not_null() & pl.col(f"value:{name}").is_null()
    broken = form.fault if form.fault is not None else pl.lit(None, pl.String)
    rule = pl.when(text == NO_VALUE).then(pl.lit("FORMULE-SANS-VALEUR")).otherwise(form.unread)
    yield pl.when(is_unread).then(rule).otherwise(broken).alias(f"fault:{name}")
    if form.unread_detail is not None or form.detail is not None:
        nothing = pl.lit(None, pl.String)
        added = form.unread_detail if form.unread_detail is not None else nothing
        otherwise = form.detail if form.detail is not None else nothing
        yield pl.when(is_unread).then(added).otherwise(otherwise).alias(f"detail:{name}")


def _fields(rows: pl.DataFrame, name: str, form: Form) -> dict[str, pl.Series]:
    fields = {kind: rows[f"{kind}:{name}"] for kind in KINDS if f"{kind}:{name}" in rows.columns}
    value, text, note, fault = fields["value"], fields["text"], fields.get("note"), fields.get("fault")
    if fault is not None and fault.null_count() < fault.len():
        value = value.to_frame("value").select(pl.when(fault.is_null()).then("value"))["value"]
    if form.is_scrubbed and note is not None and note.null_count() < note.len():
        value = value.to_frame("value").select(scrubbed(pl.col("value")))["value"]
    if form.default is not None and text.null_count():
        value = value.to_frame("value").select(
            pl.when(text.is_null()).then(pl.lit(form.default)).otherwise("value").alias("value")
        )["value"]
    if text.null_count() > fields["trim"].null_count():
        is_absent = fields["trim"].is_not_null() & text.is_null()
        kept = pl.lit(None, pl.String) if note is None else pl.lit(note)
        fields["note"] = rows.select(pl.when(is_absent).then(pl.lit("ABSENT-LU")).otherwise(kept).alias("note"))["note"]
    return fields | {"value": value}
