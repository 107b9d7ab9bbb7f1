"""Records of a text file, streaming: whatever its encoding, separator, quotes and line ends, altered by nothing.

A block whose quotes are regular is read by pyarrow; the others line by line, where a quote that is not closed costs its
own record and no other.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ingestion.records import (
    HEADER_SEARCH,
    LOSSY,
    ROW,
    Block,
    Cut,
    Head,
    Remark,
    Source,
    column_names,
    empty,
    no_cells,
    unreadable,
    width_reason,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Integers = np.ndarray[Any, np.dtype[np.int64]]
    Codes = np.ndarray[Any, np.dtype[np.uint8]]

Opener = Callable[[], BinaryIO]

SEPARATORS = (";", ",", "\t", "|", " ")
CHUNK = 3 << 20
SURVEY_CHUNK = 1 << 20
SAMPLE = 256 << 10
SAMPLE_RECORDS = 200
# a quote left open may not swallow more than this
MAX_QUOTED_LINES = 50
MAX_QUOTED_BYTES = 128 << 10
MAX_LINE = 4 << 20
SAMPLED = 8
# a longer record whose quotes are irregular is not mended
MAX_MENDED = 16 << 10
# the fastest reader takes longer to begin
FEW_BYTES = 64 << 10
# with more quotes in a block, telling which separators are between them would cost more than it saves
COUNTED_QUOTES = 20_000
# steps spent on what the quotes of one record may mean
MAX_STEPS = 500
NOTED = 100
REPLACEMENT = "\ufffd"
# so many words with a question mark for a letter are no typing error, nor is this one alone
LOSSY_WORDS = 2
LOSSY_PLACE = "Sch?lcher"
UNCLOSED = "un guillemet n'est pas refermé"
AMBIGUOUS = "ses guillemets se lisent de plusieurs façons"
# bytes of no character become these, so that they can be told from what was written
_BYTE = 0xF000
_STRAY, _DAMAGED = "[\uf080-\uf0ff]", "[\ufffd\uf080-\uf0ff]"
_LOSSY_WORD = re.compile(rb"(?:^|[\s;,|\"'])([A-Za-z\xc0-\xff]+\?[a-z\xe0-\xff][A-Za-z\xc0-\xff]*)(?=[\s;,|\"'.-]|$)")
_EXPORT = "Enregistrez le fichier en « CSV UTF-8 (délimité par des points-virgules) » et déposez-le de nouveau."


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text holds its records.

    Args:
        separator: what stands between cells, one or more characters.
        quote: what stands around a cell that holds separators.
        escape: what stands before a quote that belongs to the text; empty where such a quote is doubled.
        title_rows: records above the header; None to find them.
        header_rows: records that make the header.
    """

    separator: str
    quote: str = '"'
    escape: str = ""
    title_rows: int | None = None
    header_rows: int = 1

    @property
    def is_plain(self) -> bool:
        """Whether a strict reader takes it as it is."""
        return len(self.separator) == 1 and self.quote == '"' and not self.escape and self.separator != " "


def csv_sources(path: Path) -> Iterator[Source]:
    """The table of a CSV file, by each separator that it may have, the likeliest first.

    Raises:
        BlockedFile: FICHIER-VIDE or FICHIER-ILLISIBLE.
    """
    return text_sources(lambda: path.open("rb"))


def text_sources(opener: Opener) -> Iterator[Source]:
    """The same of bytes that `opener` opens.

    Raises:
        BlockedFile: FICHIER-VIDE or FICHIER-ILLISIBLE.
    """
    text = _survey(opener)
    sample = text.sample()
    if sample.is_whole and not sample.text.strip(" \t\r\n\ufeff\u200b;,|"):
        raise empty("Le fichier ne contient aucun caractère.")
    likely = find_dialect(sample.text)
    declared = re.match(r"(?i)sep=(.)[\r\n]", sample.text)
    first = [declared[1]] if declared else []
    for separator in dict.fromkeys((*first, likely.separator, *SEPARATORS)):
        yield _source(text, sample, Dialect(separator, likely.quote, likely.escape))


def first_lines(path: Path) -> list[list[str]]:
    """The first three lines of a CSV file, each as one cell.

    Raises:
        BlockedFile: FICHIER-VIDE or FICHIER-ILLISIBLE.
    """
    with path.open("rb") as file:
        start = file.read(SAMPLE)
    wide = _utf_16(start)
    text = start[wide[1] :].decode(wide[0], "replace") if wide else start.decode("utf-8-sig", "replace")
    return [[line.strip('"')] for line in re.split(r"\r\n|\r|\n", text, maxsplit=3)]


def read_records(data: bytes, dialect: Dialect | None = None) -> list[list[str]]:
    """Every record of a text in order, its header first where `dialect` tells of one, title rows left out.

    Records that a delivery would refuse are there too, cut into cells as well as can be.
    """
    if not data.strip():
        return []
    text = _survey(lambda: io.BytesIO(data))
    sample = text.sample()
    dialect = dialect or find_dialect(sample.text)
    records, _, _ = _head(sample, dialect, SAMPLE_RECORDS)
    width = _usual_width(records)
    titles = dialect.title_rows
    if titles is None:
        titles = _title_rows(records, width)
    source = _source(text, sample, dialect)
    first = min(titles + (dialect.header_rows if dialect.header_rows > 1 else 0), len(records))
    header = [" ".join(cells) for cells in zip(*records[titles:first], strict=False)]
    found: list[tuple[int, list[str]]] = []
    for block in source.blocks(first, width):
        names = [name for name in block.cells.columns if name != ROW]
        cells = block.cells.select(names).rows()
        found += zip(block.cells[ROW].to_list(), map(list, cells), strict=True)
        found += [(cut.row_number, cut.cells) for cut in block.cuts]
    rows = [cells for _, cells in sorted(found, key=lambda pair: pair[0]) if any(cell.strip() for cell in cells)]
    return [header, *rows] if header else rows


def _source(text: _Text, sample: _Sample, dialect: Dialect) -> Source:
    records, offsets, lines = _head(sample, dialect, HEADER_SEARCH + 2)

    def blocks(first: int, width: int) -> Iterator[Block]:
        return _Reader(text, dialect, width).blocks(offsets[first], lines[first])

    return Source(Head(records, lines[:-1]), list(text.remarks), blocks)


# ----------------------------------------------------------------------------------------------------- encoding


@dataclass(frozen=True, slots=True)
class _Sample:
    """The beginning of a text, and whether that is all of it."""

    text: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """A file as UTF-8.

    Args:
        opener: opens its bytes.
        encoding: codec of the whole file.
        skipped: bytes of its byte order mark.
        has_nuls: whether it holds NUL bytes that are no part of a character.
        remarks: what was noticed.
        has_strays: whether it is UTF-8 but for some bytes.
    """

    opener: Opener
    encoding: str
    skipped: int
    has_nuls: bool
    remarks: tuple[Remark, ...] = ()
    has_strays: bool = False

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The text, in pieces that may end anywhere."""
        with self.opener() as file:
            file.seek(self.skipped)
            if self.encoding == "utf-8" and not self.has_strays:
                while chunk := file.read(size):
                    yield chunk
                return
            decoder = codecs.getincrementaldecoder(self.encoding)("lakou-bytes")
            while chunk := file.read(size):
                yield decoder.decode(chunk).encode()
            yield decoder.decode(b"", final=True).encode()

    def sample(self) -> _Sample:
        """Whole lines from the beginning of the text."""
        data = b""
        for chunk in self.chunks(SAMPLE):
            data += chunk
            end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
            if len(data) > SAMPLE and end:
                return _Sample(data[:end].decode(), is_whole=False)
        return _Sample(data.decode(), is_whole=True)


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.encoding.startswith("utf-16"):
        return REPLACEMENT, error.end
    return "".join(chr(_BYTE + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("lakou-bytes", _keep_bytes)


def _shown(text: str) -> str:
    """A text as it can be stored and read: bytes of no character as `\\x81`, NUL as its symbol."""
    text = text.replace("\0", "\u2400")
    return re.sub(_STRAY, lambda found: f"\\x{ord(found[0]) - _BYTE:02x}", text)


def _survey(opener: Opener) -> _Text:
    """Read the whole file once, cheaply, to know its encoding and what it must not hold."""
    with opener() as file:
        start = file.read(SAMPLE)
    if not start:
        raise empty("Le fichier est vide (0 octet).")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise unreadable(
            "Le fichier porte l'extension .csv mais n'est pas un texte (c'est un classeur ou un PDF).",
            "Enregistrez-le au format CSV, ou gardez l'extension de son vrai format (.xlsx, .ods).",
        )
    wide = _utf_16(start)
    if wide:
        encoding, skipped = wide
        note = _note("ENCODAGE", "Le fichier a été lu en UTF-16.", "UTF-16")
        text = _Text(opener, encoding, skipped, has_nuls=False, remarks=(note,))
        findings = _scan(text.chunks(SURVEY_CHUNK))
        # a record that holds a replacement character is refused: it may be ours
        findings.lost, findings.questions = "", []
        return _Text(opener, encoding, skipped, findings.nuls > 0, (note, *findings.remarks()))
    skipped = len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0
    findings = _scan(_Text(opener, "utf-8", skipped, has_nuls=False).chunks(SURVEY_CHUNK))
    if findings.nuls > max(8, findings.size // 100):
        raise unreadable(
            "Le fichier n'est pas un texte : il contient des octets nuls.", "Enregistrez-le au format CSV (UTF-8)."
        )
    if findings.is_utf_8:
        return _Text(opener, "utf-8", skipped, findings.nuls > 0, tuple(findings.remarks()))
    nearly = _Text(opener, "utf-8", skipped, findings.nuls > 0, tuple(findings.remarks()), has_strays=True)
    if _is_nearly_utf_8(nearly):
        return nearly
    encoding, name, is_poor = _one_byte_encoding(opener, skipped)
    note = _note("ENCODAGE", f"Le fichier a été lu en {name}.", name)
    # what an encoding without œ, ’ and € could not write; another one would have written it
    losses = _losses(findings.questions) if is_poor else []
    return _Text(opener, encoding, skipped, findings.nuls > 0, (note, *losses))


def _utf_16(start: bytes) -> tuple[str, int] | None:
    """The codec of a text of two bytes a character and the length of its mark, or None."""
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    # most characters of a French text have a zero byte, always on the same side
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > 0.4 * len(start) / 2 and even < 0.02 * len(start):
        return "utf-16-le", 0
    if even > 0.4 * len(start) / 2 and odd < 0.02 * len(start):
        return "utf-16-be", 0
    return None


@dataclass(slots=True)
class _Findings:
    """What a pass over the bytes tells."""

    size: int = 0
    nuls: int = 0
    is_utf_8: bool = True
    is_ascii: bool = True
    doubled: str = ""
    lost: str = ""
    questions: list[str] = field(default_factory=list)

    def remarks(self) -> list[Remark]:
        """Warnings about characters that were lost before the file came here."""
        remarks = []
        if self.doubled:
            remarks.append(
                _warning(
                    "ENCODAGE-DOUBLE",
                    f"Les accents ont été abîmés avant l'envoi : le fichier contient « {self.doubled} ».",
                    self.doubled,
                )
            )
        if self.lost:
            remarks.append(_lost(self.lost))
        elif self.is_ascii:
            # a question mark inside a word means nothing where other accents came through
            remarks += _losses(self.questions)
        return remarks


def _losses(words: Sequence[str]) -> list[Remark]:
    """What words with a question mark for a letter tell: one may be a typing error, several are a lossy export."""
    if len(words) >= LOSSY_WORDS or LOSSY_PLACE in words:
        shown = ", ".join(f"« {word} »" for word in words)
        return [_warning(LOSSY, f"L'export a remplacé des lettres par « ? » : {shown}.", words[0])]
    return [_lost(word) for word in words]


def _lost(word: str) -> Remark:
    told = f"Des caractères accentués ont été perdus avant l'envoi : le fichier contient « {word} »."
    return _warning("CARACTERES-PERDUS", told, word)


def _note(rule_id: str, message: str, value: str = "", line: int = 0) -> Remark:
    return Remark(line, "", value, rule_id, "NOTE", message)


def _warning(rule_id: str, message: str, value: str) -> Remark:
    return Remark(0, "", value, rule_id, "AVERTISSEMENT", message, _EXPORT)


def _scan(chunks: Iterator[bytes]) -> _Findings:
    findings = _Findings()
    rest, line_length = b"", 0
    for index, chunk in enumerate(chunks):
        findings.size += len(chunk)
        if b"\0" in chunk:
            findings.nuls += chunk.count(0)
        first_end, last_end = _first_end(chunk), max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        line_length += len(chunk) if first_end < 0 else first_end
        if line_length > MAX_LINE:
            raise unreadable(
                f"Une ligne dépasse {MAX_LINE >> 20} Mio : ce n'est pas un tableau enregistré en CSV.",
                "Vérifiez le fichier : chaque ligne du tableau doit finir par un retour à la ligne.",
            )
        if first_end >= 0:
            line_length = len(chunk) - last_end
        if not chunk.isascii():
            findings.is_ascii = False
            if findings.is_utf_8:
                rest = _examine(rest + chunk, findings)
        elif rest:
            findings.is_utf_8, rest = False, b""
        # an export that loses characters loses them everywhere: the beginning and samples tell
        if index < SAMPLED or index % SAMPLED == 0:
            _look_for_losses(chunk, findings)
    if rest:
        findings.is_utf_8 = False
    return findings


def _look_for_losses(chunk: bytes, findings: _Findings) -> None:
    """Note a word with accents encoded twice, and one whose accents were lost."""
    if not findings.doubled and (found := re.search(b"\xc3\x83\xc2[\xa0-\xbf]|\xc3\xa2\xe2\x82\xac", chunk)):
        findings.doubled = _word_around(chunk, found.start(), found.end())
    if REPLACEMENT not in findings.lost and (place := chunk.find(REPLACEMENT.encode())) >= 0:
        findings.lost = _word_around(chunk, place, place + 3)
    if len(findings.questions) < LOSSY_WORDS and b"?" in chunk:
        findings.questions += [word for word in _lossy(chunk) if word not in findings.questions]


def _first_end(chunk: bytes) -> int:
    ends = [end for end in (chunk.find(b"\n"), chunk.find(b"\r")) if end >= 0]
    return min(ends, default=-1)


def _examine(data: bytes, findings: _Findings) -> bytes:
    """Whether some bytes are UTF-8; the bytes of a character cut at their end are given back."""
    kept = len(data)
    while kept and len(data) - kept < 4 and data[kept - 1] & 0xC0 == 0x80:
        kept -= 1
    if kept and data[kept - 1] >= 0xC0:
        length = 2 if data[kept - 1] < 0xE0 else 3 if data[kept - 1] < 0xF0 else 4
        kept = len(data) if len(data) - kept + 1 >= length else kept - 1
    else:
        kept = len(data)
    if not _is_utf_8(data[:kept] if kept < len(data) else data):
        findings.is_utf_8 = False
        return b""
    return data[kept:]


def _is_utf_8(data: bytes) -> bool:
    import numpy as np
    import pyarrow as pa

    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _word_around(data: bytes, start: int, end: int) -> str:
    """The word that some bytes are part of, 30 characters at most, without what may be an address."""
    before = re.search(rb"[^\s;,|\"@]{0,12}$", data[max(0, start - 40) : start])
    after = re.match(rb"[^\s;,|\"@]{0,12}", data[end : end + 40])
    word = (before[0] if before else b"") + data[start:end] + (after[0] if after else b"")
    return word.decode(errors="ignore")[:30]


def _lossy(chunk: bytes) -> list[str]:
    """Words with a question mark inside, as an export makes that cannot write some letters; a few tell enough."""
    words: list[str] = []
    place = chunk.find(b"?")
    for _ in range(NOTED):
        if place < 0 or len(words) > LOSSY_WORDS:
            break
        found = _LOSSY_WORD.search(chunk[max(0, place - 20) : place + 20])
        if found and (word := found[1].decode("latin-1")) not in words:
            words.append(word)
        place = chunk.find(b"?", place + 1)
    return words


def _is_nearly_utf_8(text: _Text) -> bool:
    """Whether more of a text's characters are UTF-8 than are not: some bytes were flipped, or its end is cut."""
    valid = strays = 0
    for chunk in text.chunks(SURVEY_CHUNK):
        found = len(re.findall(_STRAY, chunk.decode()))
        strays += found
        valid += len(re.findall("[^\x00-\x7f]", chunk.decode())) - found
    return valid > strays


def _one_byte_encoding(opener: Opener, skipped: int) -> tuple[str, str, bool]:
    """Codec and name of a text of one byte a character, told from which of its readings is French.

    Returns:
        Whether it may be an ISO-8859 text besides, which cannot hold all that French writes.
    """
    import numpy as np

    counts = np.zeros(256, np.int64)
    ligatures = fractions = 0
    with opener() as file:
        file.seek(skipped)
        while chunk := file.read(SURVEY_CHUNK):
            counts += np.bincount(np.frombuffer(chunk, np.uint8), minlength=256)
            if re.search(b"[\xa4\xbc\xbd\xbe]", chunk):
                ligatures += len(re.findall(b"\xa4|(?<=[A-Za-z])[\xbc\xbd\xbe]|[\xbc\xbd](?=[A-Za-z])", chunk))
                fractions += len(re.findall(b"(?<![A-Za-z])[\xbc\xbd\xbe](?![A-Za-z])", chunk))
    high = counts[128:]
    letters = "éèàçêôûîâùëïœæÉÈÀÇÊÔÎŒ’«»°€…–—\u00a0²"
    shares = {
        codec: sum(int(counts[byte]) for byte in range(128, 256) if _character(byte, codec) in letters)
        / int(high.sum())
        for codec in ("cp1252", "cp850", "mac_roman")
    }
    best = max(shares, key=lambda codec: shares[codec])
    if best != "cp1252" and shares[best] > 0.9 and shares["cp1252"] < 0.5:
        return best, {"cp850": "MS-DOS (page de codes 850)", "mac_roman": "Macintosh (MacRoman)"}[best], False
    is_poor = not counts[0x80:0xA0].any()
    if is_poor and ligatures > fractions:
        return "iso8859_15", "ISO-8859-15", is_poor
    return "cp1252", "Windows-1252 (ou ISO-8859-1, identique ici)" if is_poor else "Windows-1252", is_poor


def _character(byte: int, codec: str) -> str:
    return bytes([byte]).decode(codec, errors="replace")


# ------------------------------------------------------------------------------------------------------ dialect


def find_dialect(sample: str) -> Dialect:
    """The separator, quote and escape by which the first records of a text have one and the same width."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", sample, maxsplit=SAMPLE_RECORDS)[:SAMPLE_RECORDS]
    beginning = "".join(lines)
    best, found = 0.0, Dialect(max(SEPARATORS[:-1], key=beginning.count))
    quote = _quotes(lines)
    for separator in SEPARATORS:
        dialect = Dialect(separator, quote)
        score = _regularity(beginning, dialect)
        if score > best:
            best, found = score, dialect
    longer = Dialect(f"{found.separator} ", found.quote)
    if found.separator != " " and beginning.count(longer.separator) and _regularity(beginning, longer) >= best:
        found = longer
    if f"\\{found.quote}" in beginning:
        escaped = Dialect(found.separator, found.quote, "\\")
        if _irregular(beginning, escaped) < _irregular(beginning, found):
            found = escaped
    return found


def _quotes(lines: list[str]) -> str:
    """The quote of some lines: the apostrophe only where it stands around cells of most lines, as no French text has."""
    edges = re.compile(r"(?:^|[;,\t|])[ ]?'[^'\n]+'[ ]?(?=[;,\t|\r\n]|$)")
    filled = [line for line in lines if line.strip()]
    found = sum(edges.search(line) is not None for line in filled)
    return "'" if found >= 3 and found > 0.6 * len(filled) else '"'


def _regularity(text: str, dialect: Dialect) -> float:
    """How much of a text has the width that most of its records have, more for more columns."""
    records, _, _ = _head(_Sample(text, is_whole=True), dialect, SAMPLE_RECORDS)
    filled = [len(record) for record in records if any(cell.strip() for cell in record)]
    if not filled:
        return 0.0
    width = _usual_width(records)
    return filled.count(width) / len(filled) * (1 - 1 / width)


def _irregular(text: str, dialect: Dialect) -> int:
    splitter = _Splitter(dialect, 0)
    lines = text.splitlines()
    return sum(splitter.strict(line) is None for line in lines if dialect.quote in line)


def _usual_width(records: list[list[str]]) -> int:
    widths = Counter(len(record) for record in records if any(cell.strip() for cell in record))
    return max(widths, key=lambda width: (widths[width], width), default=1)


def _title_rows(records: list[list[str]], width: int) -> int:
    """Records that come before the table: one cell at most is filled, where the table has several columns."""
    for index, record in enumerate(records):
        if width < 3 or sum(bool(cell.strip()) for cell in record) > 1:
            return index
    return 0


def _head(sample: _Sample, dialect: Dialect, count: int) -> tuple[list[list[str]], list[int], list[int]]:
    """The first records of a text; where each begins, and the next one after them: bytes, and lines."""
    lines = sample.text.encode().splitlines(keepends=True)
    splitter = _Splitter(dialect, 0)
    if dialect.quote in sample.text:
        # the records whose quotes are regular tell the width by which the others are understood
        widths = [len(cells) for line in lines[: 2 * count] if (cells := splitter.strict(_bare(line).decode()))]
        splitter = _Splitter(dialect, max(set(widths), key=widths.count, default=0))
    records: list[list[str]] = []
    offsets, numbers = [0], [1]
    index = 0
    while index < len(lines) and len(records) < count:
        record = splitter.record(lines, index, is_final=sample.is_whole)
        if record is None:
            break
        records.append(record.cells)
        offsets.append(offsets[-1] + sum(map(len, lines[index : index + record.lines])))
        index += record.lines
        numbers.append(index + 1)
    return records, offsets, numbers


# ------------------------------------------------------------------------------------------- records of irregular text


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of `lines` lines; `reason` says why it cannot be taken, `is_mended` that its quotes were irregular."""

    cells: list[str]
    lines: int
    reason: str = ""
    is_mended: bool = False


def _bare(line: bytes) -> bytes:
    return line.rstrip(b"\r\n") if line.endswith((b"\n", b"\r")) else line


class _Splitter:
    """Cuts lines into records and cells.

    Args:
        width: cells of a usual record, by which irregular quotes are understood; 0 where it is not known.
    """

    def __init__(self, dialect: Dialect, width: int) -> None:
        self.separator, self.quote, self.escape = dialect.separator, dialect.quote, dialect.escape
        self.width = width
        quote, separator = re.escape(dialect.quote), re.escape(dialect.separator)
        # spaces around the quotes are no part of a cell, unless they separate
        pad = "" if " " in dialect.separator else " *"
        inner = f"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*"
        if dialect.escape:
            escape = re.escape(dialect.escape)
            stop = f"[^{quote}{escape}]"
            inner = f"{stop}*(?:(?:{escape}.|{quote}{quote}){stop}*)*"
        self._opening = re.compile(f"{pad}{quote}")
        self._inner = re.compile(f"{pad}{quote}({inner})", re.DOTALL)
        self._quoted = re.compile(rf"{pad}{quote}({inner}){quote}{pad}(?={separator}|\Z)", re.DOTALL)
        self._closing = re.compile(rf"{quote}{pad}(?={separator}|\Z)")

    def record(self, lines: list[bytes], index: int, *, is_final: bool) -> _Record | None:
        """The record that begins on a line, or None where it may go on after the last one."""
        line = _bare(lines[index]).decode()
        if self.quote not in line:
            return _Record(line.split(self.separator), 1)
        taken, text = 1, lines[index]
        cells = self.strict(line)
        is_open = cells is None and self._is_open(line)
        while is_open and taken < MAX_QUOTED_LINES and len(text) < MAX_QUOTED_BYTES:
            if index + taken >= len(lines):
                if not is_final:
                    return None
                break
            text += lines[index + taken]
            taken += 1
            if self.quote.encode() in lines[index + taken - 1]:
                written = _bare(text).decode()
                cells = self.strict(written)
                is_open = cells is None and self._is_open(written)
        if cells is not None and len(text) <= MAX_QUOTED_BYTES:
            return _Record(cells, taken)
        if cells is not None and taken == 1:
            return _Record(cells, 1)
        return self._irregular(line)

    def strict(self, text: str) -> list[str] | None:
        """Cells of a record whose quotes are regular, or None."""
        cells, position = [], 0
        while True:
            match = self._quoted.match(text, position)
            if match is not None:
                cells.append(self._unescaped(match[1]))
                end = match.end()
            else:
                if self._opening.match(text, position):
                    return None
                end = text.find(self.separator, position)
                end = len(text) if end < 0 else end
                cells.append(text[position:end])
            if end >= len(text):
                return cells
            position = end + len(self.separator)

    def _is_open(self, text: str) -> bool:
        """Whether the first quote that strict reading stumbles upon is closed nowhere in the text."""
        position = 0
        while True:
            match = self._quoted.match(text, position)
            if match is None and (opened := self._inner.match(text, position)):
                return opened.end() == len(text)
            end = match.end() if match else text.find(self.separator, position)
            if end < 0 or end >= len(text):
                return False
            position = end + len(self.separator)

    def _unescaped(self, text: str) -> str:
        if self.escape:
            text = text.replace(self.escape + self.quote, self.quote)
        return text.replace(self.quote * 2, self.quote)

    def _irregular(self, line: str) -> _Record:
        """A record whose quotes are not regular, read in the only way that gives it the usual width."""
        readings: list[list[tuple[int, int, str | None]]] = []
        if 0 < self.width <= 300 and len(line) < MAX_MENDED:
            self._read(line, readings)
        if len(readings) == 1:
            texts = [line[start:end] if inner is None else inner for start, end, inner in readings[0]]
            is_unclosed = any(
                inner is None and self._opening.match(text) and text.count(self.quote) % 2
                for text, (_, _, inner) in zip(texts, readings[0], strict=True)
            )
            return _Record(texts, 1, UNCLOSED if is_unclosed else "", is_mended=not is_unclosed)
        if readings:
            return _Record(
                [line[start:end] if inner is None else inner for start, end, inner in readings[0]], 1, AMBIGUOUS
            )
        return _Record(line.split(self.separator), 1, UNCLOSED)

    def _read(self, line: str, readings: list[list[tuple[int, int, str | None]]]) -> None:
        """Up to two readings of a line in `width` cells that differ by where its cells end."""
        step = len(self.separator)
        stack: list[tuple[int, tuple[tuple[int, int, str | None], ...]]] = [(0, ())]
        steps = 0
        while stack and len(readings) < 2 and steps < MAX_STEPS:
            steps += 1
            position, spans = stack.pop()
            left = self.width - len(spans) - 1
            choices = []
            for end, inner in self._ends(line, position):
                if end >= len(line):
                    if not left:
                        readings.append([*spans, (position, end, inner)])
                elif left and line.count(self.separator, end) >= left:
                    choices.append((end + step, (*spans, (position, end, inner))))
            stack += reversed(choices)

    def _ends(self, line: str, position: int) -> Iterator[tuple[int, str | None]]:
        """Where the cell that begins at a position may end, and its text where that is between quotes."""
        seen = set()
        opening = self._opening.match(line, position)
        if opening:
            strict = self._quoted.match(line, position)
            if strict:
                yield strict.end(), self._unescaped(strict[1])
                seen.add(strict.end())
            for closing in self._closing.finditer(line, opening.end()):
                if closing.end() not in seen:
                    yield closing.end(), self._unescaped(line[opening.end() : closing.start()])
                    seen.add(closing.end())
        end = line.find(self.separator, position)
        end = len(line) if end < 0 else end
        if end not in seen:
            yield end, None


# ------------------------------------------------------------------------------------------------------- blocks


@dataclass(slots=True)
class _Piece:
    """Records taken from the beginning of some bytes.

    Args:
        body: records whose quotes are regular, by `separator`.
        numbers: line of each record of the body.
        taken: bytes and lines taken.
        is_even: whether its records have, taken together, as many separators as they need.
    """

    body: bytes | memoryview
    numbers: Integers
    separator: str
    taken: int
    lines: int
    cuts: list[Cut] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)
    is_even: bool = False


class _Reader:
    """Reads the records of a text as tables of `width` columns, about `CHUNK` bytes at a time."""

    def __init__(self, text: _Text, dialect: Dialect, width: int) -> None:
        self.text, self.dialect, self.width = text, dialect, width
        self.splitter = _Splitter(dialect, width)
        # what `_requoted` writes between cells
        self.separator = dialect.separator if dialect.is_plain else ","
        self.noted = 0

    def blocks(self, offset: int, line: int) -> Iterator[Block]:
        """Blocks from the record that begins at a byte of the text, on a line."""
        rest = b""
        for chunk, is_final in _with_last(_from(self.text.chunks(CHUNK), offset)):
            data = rest + chunk if rest else chunk
            piece = self._take(data, line, is_final=is_final)
            rest = data[piece.taken :]
            line += piece.lines
            if piece.taken:
                yield self._block(piece)

    def _take(self, data: bytes, line: int, *, is_final: bool) -> _Piece:
        if self.dialect.is_plain and (piece := self._regular(data, line, is_final=is_final)):
            return piece
        return self._tolerant(data, line, is_final=is_final)

    def _regular(self, data: bytes, line: int, *, is_final: bool) -> _Piece | None:
        """The records of some bytes where a strict reader alters none of them, else None."""
        import numpy as np

        usable = data[:-1] if not is_final and data.endswith(b"\r") else data
        codes = np.frombuffer(usable, np.uint8)
        has_returns = b"\r" in usable and _has_lone_returns(codes)
        if b'"' not in usable and not has_returns:
            taken = len(usable) if is_final else usable.rfind(b"\n") + 1
            body = memoryview(usable)[:taken]
            count = int(np.count_nonzero(codes == ord("\n"))) + (
                is_final and not usable.endswith(b"\n") and bool(usable)
            )
            is_even = self._is_even(usable, codes[:taken], count)
            return _Piece(body, np.arange(line, line + count), self.separator, taken, count, is_even=is_even)
        quotes = np.flatnonzero(codes == ord('"'))
        is_end = codes == ord("\n")
        if has_returns:
            is_end |= (codes == ord("\r")) & np.append(codes[1:] != ord("\n"), np.True_)
        ends = np.flatnonzero(is_end)
        before = np.searchsorted(quotes, ends)
        outside = ends[before % 2 == 0]
        taken = len(usable) if is_final else int(outside[-1]) + 1 if len(outside) else 0
        if taken < len(usable):
            quotes = quotes[: np.searchsorted(quotes, taken)]
        if not taken or not _quotes_are_regular(codes[:taken], quotes, ord(self.dialect.separator)):
            # where no record ends here, more may come; a quote that stays open is not waited for
            return None
        starts = np.concatenate((np.zeros(1, np.int64), outside + 1))
        numbers = line + np.searchsorted(ends, starts)
        lines = int(np.searchsorted(ends, taken))
        if starts[-1] >= taken:
            starts, numbers = starts[:-1], numbers[:-1]
        after = np.append(numbers[1:], line + lines + (is_final and not is_end[taken - 1]))
        several = after - numbers > 1
        if several.any():
            lengths = np.diff(np.append(starts, taken))
            if (after - numbers).max() > MAX_QUOTED_LINES or lengths[several].max() > MAX_QUOTED_BYTES:
                return None
        is_even = not has_returns and self._is_even(usable, codes[:taken], len(numbers), quotes.tolist())
        return _Piece(memoryview(usable)[:taken], numbers, self.separator, taken, lines, is_even=is_even)

    def _is_even(self, data: bytes, codes: Codes, count: int, quotes: Sequence[int] = ()) -> bool:
        """Whether some records have, taken together, as many separators outside of their quotes as they need."""
        import numpy as np

        if not self.separator.isascii() or len(quotes) > COUNTED_QUOTES:
            return False
        separator = self.separator.encode()
        found = int(np.count_nonzero(codes == separator[0]))
        inside = sum(data.count(separator, *span) for span in zip(quotes[0::2], quotes[1::2], strict=True))
        return found - inside == count * (self.width - 1) > 0

    def _tolerant(self, data: bytes, line: int, *, is_final: bool) -> _Piece:
        """Records one by one; what is regular is written again so that a strict reader takes it."""
        import numpy as np

        usable = data[:-1] if not is_final and data.endswith(b"\r") else data
        lines = usable.splitlines(keepends=True)
        if lines and not is_final and not lines[-1].endswith((b"\n", b"\r")):
            lines.pop()
        body: list[bytes] = []
        numbers: list[int] = []
        piece = _Piece(b"", np.zeros(0, np.int64), self.separator, 0, 0)
        quote, is_plain = self.dialect.quote.encode(), self.dialect.is_plain
        index = 0
        while index < len(lines):
            if is_plain and quote not in lines[index]:
                body.append(_bare(lines[index]))
                numbers.append(line + index)
                index += 1
                continue
            record = self.splitter.record(lines, index, is_final=is_final)
            if record is None:
                break
            cells, number = _fitted(record.cells, self.width), line + index
            if record.reason or len(cells) != self.width:
                if any(cell.strip() for cell in cells):
                    written = _bare(b"".join(lines[index : index + record.lines])).decode()
                    reason = record.reason or width_reason(len(cells), self.width)
                    piece.cuts.append(Cut(number, _shown(written), list(map(_shown, cells)), reason))
            else:
                body.append(self._requoted(cells))
                numbers.append(number)
                if record.is_mended:
                    piece.mended.append(number)
            index += record.lines
        piece.body = b"".join(record + b"\n" for record in body)
        piece.numbers = np.array(numbers, np.int64)
        piece.taken = sum(map(len, lines[:index])) if index < len(lines) or not is_final else len(data)
        piece.lines = index
        return piece

    def _requoted(self, cells: list[str]) -> bytes:
        return self.separator.join(_quoted(cell, self.separator) for cell in cells).encode()

    def _block(self, piece: _Piece) -> Block:
        cells, cuts = _parse(piece, self.width)
        cuts += piece.cuts
        if self.text.has_nuls or self.text.has_strays or self.text.encoding != "utf-8":
            cells = self._undamaged(cells, cuts)
        mended = piece.mended[: max(0, NOTED - self.noted)]
        self.noted += len(mended)
        told = "Des guillemets ne sont pas doublés à cette ligne : ils sont lus comme des caractères du texte."
        return Block(cells, cuts, [_note("GUILLEMETS-LUS", told, line=number) for number in mended])

    def _undamaged(self, cells: pl.DataFrame, cuts: list[Cut]) -> pl.DataFrame:
        """Set records apart that hold bytes of no character of the file's encoding, or NUL."""
        import polars as pl

        pattern = "\0"
        if self.text.encoding != "utf-8":
            pattern = f"{_DAMAGED}|\0"
        elif self.text.has_strays:
            pattern = f"{_STRAY}|\0"
        names = [name for name in cells.columns if name != ROW]
        is_damaged = cells.select(pl.any_horizontal(pl.col(names).str.contains(pattern))).to_series()
        if not is_damaged.any():
            return cells
        damaged = cells.filter(is_damaged)
        for number, *texts in damaged.select(ROW, *names).iter_rows():
            shown = [_shown(text) for text in texts]
            has_nul = any("\0" in text for text in texts)
            reason = (
                "elle contient un octet nul" if has_nul else "des caractères n'existent pas dans l'encodage du fichier"
            )
            cuts.append(Cut(number, self.dialect.separator.join(shown), shown, reason))
        return cells.filter(~is_damaged)


def _with_last(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk, and whether it is the last one."""
    held: bytes | None = None
    for chunk in chunks:
        if not chunk:
            continue
        if held is not None:
            yield held, False
        held = chunk
    if held is not None:
        yield held, True


def _from(chunks: Iterator[bytes], offset: int) -> Iterator[bytes]:
    for chunk in chunks:
        if offset >= len(chunk):
            offset -= len(chunk)
            continue
        yield chunk[offset:] if offset else chunk
        offset = 0


def _has_lone_returns(codes: Codes) -> bool:
    """Whether some carriage return has no line feed behind it."""
    import numpy as np

    returns = np.flatnonzero(codes == ord("\r"))
    return bool(returns[-1] == len(codes) - 1 or (codes[returns + 1] != ord("\n")).any())


def _quotes_are_regular(codes: Codes, quotes: Integers, separator: int) -> bool:
    """Whether every quote opens a cell, closes one or is doubled inside one: then a strict reader alters nothing."""
    import numpy as np

    if len(quotes) % 2:
        return False
    if not len(quotes):
        return True
    opening, closing = quotes[0::2], quotes[1::2]
    limits = np.zeros(256, bool)
    limits[[separator, ord("\n"), ord("\r")]] = True
    # a closing quote with an opening one right behind it is a doubled quote
    doubled = opening[1:] - closing[:-1] == 1
    opens = limits[codes[opening - 1]]
    opens[1:] |= doubled
    opens[0] |= opening[0] == 0
    closes = limits[codes[np.minimum(closing + 1, len(codes) - 1)]]
    closes[:-1] |= doubled
    closes[-1] |= closing[-1] == len(codes) - 1
    return bool(opens.all() and closes.all())


def _fitted(cells: list[str], width: int) -> list[str]:
    """A record without the blank cells that it has too many."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return cells[:width]
    return cells


def _quoted(text: str, separator: str) -> str:
    if separator in text or '"' in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _split(piece: _Piece, names: list[str]) -> pl.DataFrame | None:
    """Records by the fastest reader; None where they are not all of one width."""
    import polars as pl

    try:
        frame = pl.read_csv(
            bytes(piece.body),
            has_header=False,
            separator=piece.separator,
            schema=dict.fromkeys(names, pl.String),
            empty_string_is_null=False,
            # a shorter record makes a longer one elsewhere, since the separators are as many as they should be
            extra_columns="raise",
            missing_columns="raise",
        )
    except pl.exceptions.PolarsError:
        return None
    return frame.with_columns(pl.Series(ROW, piece.numbers, pl.Int32)) if frame.height == len(piece.numbers) else None


def _parse(piece: _Piece, width: int) -> tuple[pl.DataFrame, list[Cut]]:
    """Records as `width` text columns and the line numbers; those of another width apart."""
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from pyarrow import csv as pc

    names = column_names(width)
    if not len(piece.numbers):
        return no_cells(names), []
    if piece.is_even and len(piece.body) > FEW_BYTES and (split := _split(piece, names)) is not None:
        return split, []
    invalid: list[tuple[int, str]] = []

    def set_aside(row: Any) -> str:
        invalid.append((row.number, row.text))
        return "skip"

    table = pc.read_csv(
        pa.BufferReader(piece.body),
        read_options=pc.ReadOptions(
            use_threads=False, column_names=names, block_size=min(len(piece.body) + 1, (1 << 31) - 1)
        ),
        parse_options=pc.ParseOptions(
            delimiter=piece.separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=set_aside
        ),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
        ),
    )
    frame = pl.DataFrame(table)
    if not invalid:
        return frame.with_columns(pl.Series(ROW, piece.numbers, pl.Int32)), []
    is_good = np.ones(len(piece.numbers), bool)
    splitter = _Splitter(Dialect(piece.separator), width)
    longer: list[list[str | int]] = []
    cuts: list[Cut] = []
    for number, text in invalid:
        is_good[number - 1] = False
        line = int(piece.numbers[number - 1])
        found = splitter.strict(text) or text.split(piece.separator)
        cells = _fitted(found, width)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) == width:
            longer.append([*cells, line])
        else:
            cuts.append(Cut(line, _shown(text), list(map(_shown, cells)), width_reason(len(cells), width)))
    frame = frame.with_columns(pl.Series(ROW, piece.numbers[is_good], pl.Int32))
    if longer:
        frame = pl.concat([frame, pl.DataFrame(longer, schema=frame.schema, orient="row")]).sort(ROW)
    return frame, cuts
