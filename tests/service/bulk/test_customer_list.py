"""Lists of customers: read as they are, refused with the row at fault."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.bulk.customer_list import file_source, read_list, read_part, sorted_list, write_list
from service.bulk.run import RunError


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_keeps_its_order_names_each_customer_once_and_takes_numbers_as_text(tmp_path: Path) -> None:
    path = put(tmp_path / "list.csv", "name,customer_id\na,007\nb,c1\nc,مشتری ۷\nd,007\n")

    assert read_list(path).to_pylist() == ["007", "c1", "مشتری ۷"]


def test_a_parquet_file_is_a_list_too(tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": ["b", "a", "b"]}), tmp_path / "list.parquet")

    assert read_list(tmp_path / "list.parquet").to_pylist() == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("list.csv", "customer,x\na,1\n", r"\['customer', 'x'\]; wanted customer_id"),
        ("list.csv", "customer_id,x\na,1\n,2\n", "row 2: ''"),
        ("list.csv", "customer_id\n" + "a" * 129 + "\n", "row 1"),
        ("list.csv", "", "cannot be read"),
        ("list.parquet", "no parquet", "cannot be read"),
        ("list.txt", "customer_id\n", "wanted .csv or .parquet"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_was_found(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(RunError, match=told):
        read_list(put(tmp_path / name, text))


def test_a_file_that_is_not_there_or_names_by_number_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": [1, 2]}), tmp_path / "numbers.parquet")

    with pytest.raises(RunError, match="int64; wanted text"):
        read_list(tmp_path / "numbers.parquet")
    with pytest.raises(RunError, match="cannot be read"):
        read_list(tmp_path / "none.csv")
    with pytest.raises(RunError, match="cannot be read"):
        file_source(tmp_path / "none.csv")


def test_a_store_may_name_a_customer_twice_and_in_any_order() -> None:
    assert sorted_list(iter(["b", "a", "b"])).to_pylist() == ["a", "b"]


def test_parts_are_the_list_cut_into_pieces(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(25)]

    write_list(tmp_path, pa.array(names), 10)

    assert [read_part(tmp_path, number) for number in range(3)] == [names[:10], names[10:20], names[20:]]
