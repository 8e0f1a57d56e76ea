"""Writing and reading a data set's folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.tables import TABLES
from training.importing.dataset import (
    DatasetDescription,
    DatasetError,
    dataset_folder,
    read_manifest,
    replace_table,
    table_schema,
    write_dataset,
)
from training.importing.rejects import Reject

DESCRIPTION = DatasetDescription(name="shop", source="a test", currency="IRT", amount_scale=1.0)


def orders(amount: int = 5) -> pa.Table:
    row: dict[str, Any] = {
        "order_id": "1",
        "customer_id": "a",
        "ordered_at": datetime(2024, 5, 1, 12, tzinfo=UTC),
        "amount": amount,
        "discount": 0,
        "coupon_discount": 0,
        "quantity": 1,
    }
    return pa.Table.from_pylist([row], schema=table_schema("orders"))


def events() -> pa.Table:
    row = {
        "customer_id": "a",
        "event": "message_sent",
        "occurred_at": datetime(2024, 5, 1, tzinfo=UTC),
        "properties": "{}",
    }
    return pa.Table.from_pylist([row], schema=table_schema("events"))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    rejects = [Reject("orders", 3, "negative amount", '2,"x"')]

    written = write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()}, rejects)

    assert read_manifest(tmp_path / "shop") == written
    assert written.tables == {table: int(table == "orders") for table in TABLES}
    assert written.rejected == {"orders": 1}
    assert written.ends_at == "2024-05-01T12:00:00+00:00"
    assert (tmp_path / "shop" / "rejects.csv").read_text() == (
        'table,line,reason,text\norders,3,negative amount,"2,""x"""\n'
    )


@pytest.mark.parametrize("table", list(TABLES))
def test_every_table_is_there_in_its_schema_with_times_in_utc_microseconds(
    tmp_path: Path, table: str
) -> None:
    write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})

    schema = pq.read_schema(tmp_path / "shop" / f"{table}.parquet")

    assert schema.names == list(TABLES[table])
    times = [name for name, kind in TABLES[table].items() if kind == "timestamp"]
    assert all(schema.field(name).type == pa.timestamp("us", tz="UTC") for name in times)


def test_a_failed_import_leaves_the_earlier_data_set_as_it_was(tmp_path: Path) -> None:
    before = write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})

    with pytest.raises(DatasetError, match="wanted"):
        write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders(7), "events": orders()})

    assert read_manifest(tmp_path / "shop") == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_second_import_replaces_the_first(tmp_path: Path) -> None:
    first = write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})

    second = write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders(7)})

    assert read_manifest(tmp_path / "shop") == second
    assert second.fingerprint != first.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_a_missing_table_is_noticed_on_reading(tmp_path: Path) -> None:
    write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})
    (tmp_path / "shop" / "coupons.parquet").unlink()

    with pytest.raises(DatasetError, match="no table 'coupons'"):
        read_manifest(tmp_path / "shop")


def test_a_table_of_another_length_than_the_manifest_says_is_noticed_on_reading(tmp_path: Path) -> None:
    write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})
    pq.write_table(table_schema("orders").empty_table(), tmp_path / "shop" / "orders.parquet")

    with pytest.raises(DatasetError, match="0 rows, its manifest says 1"):
        read_manifest(tmp_path / "shop")


def test_a_folder_without_a_data_set_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="python -m training import"):
        read_manifest(tmp_path)


def test_a_manifest_with_other_fields_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})
    (tmp_path / "shop" / "dataset.json").write_text('{"name": "shop"}')

    with pytest.raises(DatasetError, match=r"has the fields \['name'\], wanted"):
        read_manifest(tmp_path / "shop")


def test_a_replaced_table_is_labelled_and_changes_the_fingerprint(tmp_path: Path) -> None:
    before = write_dataset(tmp_path / "shop", DESCRIPTION, {"orders": orders()})

    after = replace_table(tmp_path / "shop", "events", events(), simulated=True)

    assert read_manifest(tmp_path / "shop") == after
    assert after.simulated == ("events",)
    assert after.tables["events"] == 1
    assert after.fingerprint != before.fingerprint


def test_no_data_set_is_written_without_an_order(tmp_path: Path) -> None:
    rejects = [Reject("orders", 2, "missing id", ",2024-05-01,5")]

    with pytest.raises(DatasetError, match=r"missing id: 1.*line 2"):
        write_dataset(tmp_path / "shop", DESCRIPTION, {}, rejects)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../shop", "a/b", ".hidden", "two words"])
def test_a_name_that_is_no_plain_folder_name_is_refused(name: str) -> None:
    with pytest.raises(DatasetError, match="data set name"):
        dataset_folder(Path("var"), name)
