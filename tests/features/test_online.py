"""The online store written in bulk and read back without Feast."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.bulk import latest_as_of, write_online_store
from features.offline import build_snapshots
from features.online import OnlineStoreError, SqliteFeatureReader
from features.schema import load_schema
from features.wire import encode_values, entity_key

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
SERVED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def snapshots(busy_shop: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    build_snapshots(busy_shop().write(folder / "data"), [AS_OF, AS_OF - timedelta(days=20)], folder / "out")
    return folder / "out"


@pytest.fixture
def database(snapshots: Path, tmp_path: Path) -> Path:
    write_online_store(snapshots, tmp_path / "online.db", as_of=AS_OF, served_at=SERVED_AT)
    return tmp_path / "online.db"


@pytest.fixture
def reader(database: Path) -> Iterator[SqliteFeatureReader]:
    opened = SqliteFeatureReader(database=database, schema=load_schema())
    yield opened
    opened.close()


def test_what_was_written_is_read_with_the_time_it_is_served_at(
    snapshots: Path, reader: SqliteFeatureReader
) -> None:
    for view in load_schema().views:
        rows = pq.read_table(snapshots / f"{view.name}.parquet", filters=[("event_timestamp", "=", AS_OF)])
        for row in rows.to_pylist():
            stored = reader.read(row["customer_id"]).views[view.name]

            expected = {feature.name: row[feature.name] for feature in view.features}
            found = {name: list(v) if isinstance(v, tuple) else v for name, v in stored.values.items()}
            assert found == expected
            assert stored.event_at == SERVED_AT


def test_an_unknown_customer_has_no_views_and_a_null_is_told_from_a_missing_row(
    reader: SqliteFeatureReader,
) -> None:
    unknown, known = reader.read("nobody"), reader.read("customer 1")

    assert unknown.views == {}
    assert known.views["coupons"].values["days_since_redemption"] is None


def test_writing_again_changes_nothing_and_a_newer_row_is_kept(
    snapshots: Path, database: Path, reader: SqliteFeatureReader
) -> None:
    before = reader.read("customer 0")
    pushed_s = int(SERVED_AT.timestamp()) + 60
    with sqlite3.connect(database) as connection:
        connection.execute(
            "UPDATE gardoon_funnel SET value = ?, event_ts = ? WHERE entity_key = ? AND feature_name = ?",
            (encode_values("float", [7.0])[0], pushed_s, entity_key("customer 1"), "cart_views_1d"),
        )
    connection.close()

    write_online_store(snapshots, database, as_of=AS_OF, served_at=SERVED_AT)

    assert reader.read("customer 0") == before
    assert reader.read("customer 1").views["funnel"].values["cart_views_1d"] == 7.0


def test_a_view_is_as_old_as_its_oldest_value(database: Path, reader: SqliteFeatureReader) -> None:
    old_s = int(AS_OF.timestamp())
    with sqlite3.connect(database) as connection:
        connection.execute(
            "UPDATE gardoon_rfm SET event_ts = ? WHERE entity_key = ? AND feature_name = 'spend_7d'",
            (old_s, entity_key("customer 1")),
        )
    connection.close()

    stored = reader.read("customer 1")

    assert stored.views["rfm"].event_at == AS_OF
    assert stored.views["funnel"].event_at == SERVED_AT


def test_threads_read_at_the_same_time(reader: SqliteFeatureReader) -> None:
    names = ["customer 0", "customer 1", "customer 2"] * 50
    expected = [reader.read(name) for name in names]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(reader.read, names))

    assert found == expected


def test_a_failed_write_leaves_the_store_as_it_was(
    snapshots: Path, database: Path, reader: SqliteFeatureReader, tmp_path: Path
) -> None:
    before = reader.read("customer 0")
    torn = tmp_path / "torn"
    torn.mkdir()
    for view in load_schema().views[:-1]:
        (torn / f"{view.name}.parquet").write_bytes((snapshots / f"{view.name}.parquet").read_bytes())

    with pytest.raises(FileNotFoundError, match=rf"{load_schema().views[-1].name}\.parquet"):
        write_online_store(torn, database, as_of=AS_OF, served_at=SERVED_AT + timedelta(days=1))

    assert reader.read("customer 0") == before


def test_an_as_of_time_without_a_snapshot_is_refused(snapshots: Path, tmp_path: Path) -> None:
    with pytest.raises(OnlineStoreError, match="no snapshot at 2024-04-01"):
        write_online_store(
            snapshots, tmp_path / "o.db", as_of=datetime(2024, 4, 1, tzinfo=UTC), served_at=SERVED_AT
        )


def test_the_newest_snapshot_is_found(snapshots: Path) -> None:
    assert latest_as_of(snapshots) == AS_OF


def test_a_store_without_the_views_tables_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()

    for name in ("empty.db", "absent.db"):
        with pytest.raises(OnlineStoreError, match=name):
            SqliteFeatureReader(database=tmp_path / name, schema=load_schema())


def test_many_are_read_as_each_alone_and_everybody_is_listed_once(
    snapshots: Path, reader: SqliteFeatureReader
) -> None:
    rows = pq.read_table(snapshots / "rfm.parquet", filters=[("event_timestamp", "=", AS_OF)])
    everybody = sorted(rows["customer_id"].to_pylist())

    assert sorted(reader.customer_ids()) == everybody
    assert reader.read_many([*everybody, "nobody"]) == [reader.read(each) for each in [*everybody, "nobody"]]
