"""Reading outside files as text with line numbers."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.importing.source_file import ImportRefusedError, read_source


def write(tmp_path: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_row_keeps_the_line_it_starts_on_in_spite_of_blank_malformed_and_two_line_rows(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, 'id,text\n1,one\n\n2\n3,"three\nand more"\n4,four,5\n6,six\n\n')

    source = read_source(path)

    assert source.rows.to_pydict() == {"id": ["1", "3", "6"], "text": ["one", "three\nand more", "six"]}
    assert source.lines.to_pylist() == [2, 5, 8]
    assert source.malformed == ((4, "2"), (7, "4,four,5"))
    assert source.read == 5


def test_values_stay_text_and_empty_ones_are_missing(tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbfid,amount\r\n007,1.50\r\n,NA\r\n8,""\r\n')

    source = read_source(path)

    assert source.rows.to_pydict() == {"id": ["007", None, "8"], "amount": ["1.50", "NA", None]}


def test_runs_of_blanks_separate_when_asked_to(tmp_path: Path) -> None:
    path = write(tmp_path, " customer_id  date\n 00001 19970101  \n\n 00002\t19970112\n")

    source = read_source(path, "whitespace")

    assert source.rows.to_pydict() == {"customer_id": ["00001", "00002"], "date": ["19970101", "19970112"]}
    assert source.lines.to_pylist() == [2, 4]


def test_parquet_rows_are_numbered_from_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [7, 8], "amount": [1.5, None]}), path)

    source = read_source(path)

    assert source.rows.to_pydict() == {"id": ["7", "8"], "amount": ["1.5", None]}
    assert source.lines.to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"id,amount,id\n1,2,3\n", "'id'"),
        (b"id,amount\n\xff\xfe,2\n", "rows.csv cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path, content)

    with pytest.raises(ImportRefusedError, match=message):
        read_source(path)


def test_a_file_that_only_calls_itself_parquet_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "id\n1\n", "rows.parquet")

    with pytest.raises(ImportRefusedError, match=r"rows\.parquet cannot be read"):
        read_source(path)


def test_a_separator_of_two_characters_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "id||amount\n1||2\n")

    with pytest.raises(ImportRefusedError, match=r"wanted one character or one of comma"):
        read_source(path, "||")
