"""Reading text files: any encoding, separator, quote and line end; in blocks of any size the same records."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import csv_records
from ingestion.csv_records import Dialect, find_dialect, read_records
from ingestion.errors import BlockedFile
from ingestion.reading import ROW, open_reading
from tests.bench import pollock
from tests.unit.reading_tables import F01, HEADER, ROW_OF_S1, lines, read, titled

# ----------------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("cp1252", "Windows-1252"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp850", "MS-DOS (page de codes 850)"),
        ("mac_roman", "Macintosh (MacRoman)"),
    ],
)
def test_any_encoding_reads_the_same(tmp_path: Path, encoding: str, note: str | None) -> None:
    title = "Découvrir la création à Schoelcher, où ça a été fêté"
    title += "" if encoding == "cp850" else ", l’œuvre"
    title += "" if encoding in {"cp850", "mac_roman"} else " à 5 €"
    table = read(tmp_path, lines(titled(title)).encode(encoding))
    assert table.column() == [title]
    assert [remark.value for remark in table.remarks if remark.rule_id == "ENCODAGE"] == ([note] if note else [])


def test_latin_9_and_latin_1_are_told_apart_by_their_context(tmp_path: Path) -> None:
    latin_9 = read(tmp_path, lines(titled("Mise en œuvre, cœur de métier")).encode("iso8859_15"))
    assert latin_9.column() == ["Mise en œuvre, cœur de métier"]
    assert [remark.value for remark in latin_9.remarks] == ["ISO-8859-15"]
    latin_1 = read(tmp_path, lines(titled("1 ½ journée d'été")).encode("iso8859_1"))
    assert latin_1.column() == ["1 ½ journée d'été"]
    assert "ISO-8859-1" in latin_1.remarks[0].value


def test_one_late_accent_decides_the_encoding_of_the_whole_file(tmp_path: Path) -> None:
    many = [ROW_OF_S1] * 60_000
    table = read(tmp_path, lines(*many, titled("été")).encode("cp1252"))
    assert table.cells.height == 60_001
    assert table.column()[-1] == "été"


def test_utf_8_cut_between_two_pieces_of_the_file_is_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = lines(titled("éé€🙂œé"), titled("àç"))
    for size in range(1, 12):
        monkeypatch.setattr(csv_records, "SURVEY_CHUNK", size)
        table = read(tmp_path, text)
        assert table.column() == ["éé€🙂œé", "àç"]
        assert table.rules == []


def test_a_record_that_does_not_decode_is_refused_with_its_bytes(tmp_path: Path) -> None:
    data = lines(titled("été"), titled("@@"), titled("Noël")).encode("cp1252").replace(b"@@", b"x\x81y")
    table = read(tmp_path, data)
    assert table.column() == ["été", "Noël"]
    assert table.truncated.select(ROW, "text").rows() == [(3, ";".join(titled("x\\x81y")))]
    # half of a character of four bytes
    half = read(tmp_path, lines(ROW_OF_S1, titled("@@")).encode("utf-16").replace(b"@\0@\0", b"\x3d\xd8"))
    assert (half.cells.height, half.truncated[ROW].to_list()) == (1, [3])


def test_a_few_flipped_bytes_do_not_change_the_encoding_of_the_file(tmp_path: Path) -> None:
    rows = [titled("Création d’été à Schœlcher")] * 5
    data = lines(*rows, titled("@"), *rows).encode().replace(b"@", b"x\xc3y")
    table = read(tmp_path, data[:-30].rsplit(b"\xc3", 1)[0] + b"\xc3")
    assert set(table.column()) == {"Création d’été à Schœlcher"}
    assert table.truncated.select(ROW, "text").rows()[0] == (7, ";".join(titled("x\\xc3y")))
    assert table.cells.height + table.truncated.height == 11


def test_nul_bytes_cost_their_records(tmp_path: Path) -> None:
    table = read(tmp_path, lines(ROW_OF_S1, titled("a\0b"), ROW_OF_S1))
    assert table.cells[ROW].to_list() == [2, 4]
    assert table.truncated["text"].to_list() == [";".join(titled("a\u2400b"))]


@pytest.mark.parametrize(
    ("title", "rule_id"),
    [
        ("DÃ©couvrir l'IA", "ENCODAGE-DOUBLE"),
        ("Lâ€™IA", "ENCODAGE-DOUBLE"),
        ("Sch\ufffdlcher", "CARACTERES-PERDUS"),
        ("Cr?tinoir", "CARACTERES-PERDUS"),
    ],
)
def test_accents_lost_before_the_file_came_are_a_warning_with_the_option(
    tmp_path: Path, title: str, rule_id: str
) -> None:
    table = read(tmp_path, lines(titled(title)))
    assert table.rules == [rule_id]
    assert "CSV UTF-8" in table.remarks[0].remedy
    assert table.remarks[0].severity == "AVERTISSEMENT"


@pytest.mark.parametrize("title", ["Pourquoi l'IA ?", "https://a.fr/x?y=z&ab?cd", "Créer ? a?b", "Où va l'IA?"])
def test_a_question_is_no_lost_accent(tmp_path: Path, title: str) -> None:
    assert read(tmp_path, lines(titled(title))).rules == []


# ------------------------------------------------------------------------------------------------- shape of the file


@pytest.mark.parametrize("separator", [";", ",", "\t", "|", " "])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_separator_and_line_end(tmp_path: Path, separator: str, ending: str) -> None:
    text = lines(titled('"a; b"'), ROW_OF_S1, separator=separator).replace("\n", ending)
    table = read(tmp_path, text)
    assert table.column() == ["a; b", "Titre"]
    assert table.cells[ROW].to_list() == [2, 3]


def test_a_separator_may_have_a_space_behind_it(tmp_path: Path) -> None:
    table = read(tmp_path, lines(titled('"a, b"'), titled("c"), separator=", "))
    assert table.column() == ["a, b", "c"]


def test_the_separator_may_be_declared(tmp_path: Path) -> None:
    table = read(tmp_path, "sep=|\r\n" + lines(titled("a; b; c")).replace(";", "|").replace("a| b| c", "a; b; c"))
    assert table.column() == ["a; b; c"]
    assert table.rules == []


def test_apostrophes_may_be_quotes_but_not_in_french(tmp_path: Path) -> None:
    quoted = [tuple(f"'{cell}'" for cell in titled("l; IA"))] * 3
    assert read(tmp_path, lines(*quoted)).column() == ["l; IA"] * 3
    assert read(tmp_path, lines(titled("l'IA d'aujourd'hui"), titled("'cité'"))).column() == [
        "l'IA d'aujourd'hui",
        "'cité'",
    ]


def test_a_backslash_may_escape_quotes(tmp_path: Path) -> None:
    assert read(tmp_path, lines(titled(r'"dit \"bonjour\"; puis"'), ROW_OF_S1)).column() == [
        'dit "bonjour"; puis',
        "Titre",
    ]
    assert read(tmp_path, lines(titled(r'"C:\dossier\"'), titled('"x"'))).column() == ["C:\\dossier\\", "x"]


def test_line_ends_inside_quotes_are_kept_and_counted_once(tmp_path: Path) -> None:
    text = lines(titled('"a\nb"'), titled('"c\n\nd"'), ROW_OF_S1).replace("\n", "\r\n")
    table = read(tmp_path, text)
    assert table.column() == ["a\r\nb", "c\r\n\r\nd", "Titre"]
    assert table.cells[ROW].to_list() == [2, 4, 7]
    mixed = (
        "\n".join([";".join(HEADER), ";".join(ROW_OF_S1)]) + "\r" + ";".join(titled("x")) + "\r\n" + ";".join(ROW_OF_S1)
    )
    assert read(tmp_path, mixed).cells[ROW].to_list() == [2, 3, 4]


def test_blank_records_and_trailing_separators_are_nothing(tmp_path: Path) -> None:
    header, row = ";".join(HEADER), ";".join(ROW_OF_S1)
    table = read(tmp_path, f"\n{header};;\n\n{row};;\n;;;;;;;;\n \n{row};;\n\n\n")
    assert table.cells[ROW].to_list() == [4, 7]
    longer = read(tmp_path, f"{header}\n{row};; \n{row}\n{row};;x\n")
    assert longer.cells[ROW].to_list() == [2, 3]
    assert longer.truncated.select(ROW, "reason").rows() == [(4, "9 cellules au lieu de 7")]


def test_a_quote_that_is_not_closed_never_swallows_the_file(tmp_path: Path) -> None:
    rows = [ROW_OF_S1] * 200
    table = read(tmp_path, lines(*rows, titled('"jamais fermé'), *rows))
    assert table.cells.height == 400
    assert table.truncated.select(ROW, "reason").rows() == [(202, "un guillemet n'est pas refermé")]
    last = read(tmp_path, lines(ROW_OF_S1, titled('"fin'))[:-1])
    assert (last.cells.height, last.truncated.height) == (1, 1)


def test_a_cell_may_have_fifty_lines_and_no_more(tmp_path: Path) -> None:
    fits = "\n".join(["x"] * 50)
    assert read(tmp_path, lines(titled(f'"{fits}"'))).column() == [fits]
    table = read(tmp_path, lines(titled(f'"{fits}\nx"'), ROW_OF_S1))
    assert table.column() == ["Titre"]
    assert table.truncated.height == 51


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ('"Atelier "IA" pour tous"', 'Atelier "IA" pour tous'),
        ('"Écran 10" ou 12 ; support"', 'Écran 10" ou 12 ; support'),
        ('"bad"quote', '"bad"quote'),
        ('12" de plus', '12" de plus'),
        ('un "mot" cité', 'un "mot" cité'),
    ],
)
def test_quotes_that_are_not_doubled_are_kept_as_text(tmp_path: Path, written: str, understood: str) -> None:
    assert read(tmp_path, lines(titled(written), ROW_OF_S1)).column() == [understood, "Titre"]


def test_quotes_that_can_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    record = 'S1;"a;b"c;d";"p;q"r;s";x;y'
    table = read(tmp_path, lines(ROW_OF_S1) + record + "\n")
    assert table.cells.height == 1
    assert table.truncated["text"].to_list() == [record]


def test_a_very_long_line_is_refused_before_it_is_held(tmp_path: Path) -> None:
    with pytest.raises(BlockedFile) as caught:
        read(tmp_path, lines(ROW_OF_S1) + "x" * (csv_records.MAX_LINE + csv_records.SURVEY_CHUNK + 1))
    assert caught.value.rule_id == "FICHIER-ILLISIBLE"


# ------------------------------------------------------------------------------------------------------ properties

CELL = st.text(st.sampled_from("aéœ1\"'; \n,|\t€"), max_size=8)
ROWS = st.lists(st.lists(CELL, min_size=7, max_size=7), max_size=8)
ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "iso8859_15", "utf-16", "utf-16-le", "utf-16-be"]


def expected(rows: list[list[str]]) -> tuple[list[tuple[str, ...]], list[int]]:
    kept, numbers, line = [], [], 2
    for row in rows:
        if any(cell.strip() for cell in row):
            kept.append(tuple(row))
            numbers.append(line)
        line += 1 + sum(cell.count("\n") for cell in row)
    return kept, numbers


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from(ENCODINGS), st.sampled_from(";,|\t"), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_every_table_comes_back_with_its_lines(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    encoding: str,
    separator: str,
    ending: str,
    always: bool,
) -> None:
    # a first row that tells ISO-8859-15 from Windows-1252, as a French text does
    rows = [["œuvre " * 60, *ROW_OF_S1[1:]], *rows]

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if always or set(cell) & set(separator + '"\n') else cell

    text = "".join(separator.join(map(quoted, row)) + ending for row in [HEADER, *rows])
    table = read(tmp_path_factory.getbasetemp(), text.encode(encoding))
    kept, numbers = expected(rows)
    assert table.cells.drop(ROW).rows() == kept
    assert table.cells[ROW].to_list() == numbers
    assert table.truncated.is_empty()


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('ab"; \n\r'), max_size=120), st.integers(1, 60), st.booleans())
def test_blocks_of_any_size_give_the_same_records(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int, is_wide: bool
) -> None:
    data = (lines(ROW_OF_S1, titled('"x\ny"')) + text).encode("utf-16" if is_wide else "utf-8")
    whole = read(tmp_path_factory.getbasetemp(), data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "CHUNK", size)
        pieces = read(tmp_path_factory.getbasetemp(), data)
    assert pieces.cells.equals(whole.cells)
    assert pieces.truncated.equals(whole.truncated)
    assert sorted(map(str, pieces.remarks)) == sorted(map(str, whole.remarks))


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('ab"; \n\r'), max_size=80))
def test_whatever_follows_a_header_is_read_or_reported(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    table = read(tmp_path_factory.getbasetemp(), ";".join(HEADER) + "\n" + text)
    numbers = table.cells[ROW].to_list() + table.truncated[ROW].to_list()
    assert len(numbers) == len(set(numbers))
    # a letter is in no record only if it is nowhere
    found = "".join(value for row in table.cells.drop(ROW).rows() for value in row) + "".join(table.truncated["text"])
    assert sorted(letter for letter in found if letter in "ab") == sorted(letter for letter in text if letter in "ab")


def test_a_large_file_comes_in_batches_and_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "large.csv"
    with file.open("w", encoding="utf-8") as out:
        out.write(lines())
        for index in range(0, 200_000, 1000):
            out.write(lines(*[titled(f"n° {index + offset}") for offset in range(1000)]).split("\n", 1)[1])
    reading = open_reading(file, "csv", F01)
    for _ in range(2):
        batches = list(reading.batches())
        assert len(batches) > 1
        numbers = pl.concat([batch.cells[ROW] for batch in batches])
        assert numbers.equals(pl.int_range(2, 200_002, dtype=pl.Int32, eager=True).alias(ROW))


# ------------------------------------------------------------------------------------------------- without a contract


def test_the_dialect_of_a_text_is_found() -> None:
    assert find_dialect('a;b;c\n1,5;"x;y";3\n2,5;z;4\n') == Dialect(";")
    assert find_dialect("a, b, c\n1, 2, 3\n") == Dialect(", ")
    assert find_dialect("a b c\n1 2 3\n") == Dialect(" ")
    assert find_dialect("a,b\n'x, y','z'\n'x','y'\n'z',1\n") == Dialect(",", "'")


def test_records_are_read_without_a_contract() -> None:
    assert read_records(b"Titre;;\n;;\na;b;c\n1;2;3\n4;5\n") == [["a", "b", "c"], ["1", "2", "3"], ["4", "5"]]
    assert read_records(b"g;h\na;b\n1;2\n", Dialect(";", header_rows=2, title_rows=0)) == [["g a", "h b"], ["1", "2"]]
    assert read_records(b"") == []


def test_the_benchmark_measures_what_is_lost(tmp_path: Path) -> None:
    for folder in ("csv", "clean", "parameters"):
        (tmp_path / folder).mkdir()
    clean = b"a,b,c\n1,2,3\n4,5,6\n"
    (tmp_path / "clean" / "x.csv").write_bytes(clean)
    path = tmp_path / "csv" / "x.csv"
    path.write_bytes(clean.replace(b",", b";"))
    assert pollock.measures(path, tmp_path, None) == (1.0,) * 10
    assert pollock.score(tmp_path, {"x.csv": 3}, lambda _: None) == (10.0, 10.0)
    path.write_bytes(b"a,b,c\n1,2,3\n4,56\n")
    assert pollock.measures(path, tmp_path, None) == pytest.approx((1, 1, 1, 1, 1, 1, 1, 7 / 9, 7 / 8, 14 / 17))
