"""Contracts with Feast itself, on the Complete Journey: what we declare, write and read is what Feast sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features.encoding import encode
from features.online import FeastFeatureReader, SqliteFeatureReader
from features.schema import load_schema
from features.wire import decode_value, encode_values, entity_key
from training.feature_store import FEATURE_REPO, apply, historical_features, open_store

if TYPE_CHECKING:
    from feast import FeatureStore

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]

AS_OFS = [datetime(2017, 11, 1, tzinfo=UTC), datetime(2017, 12, 1, tzinfo=UTC)]
SERVED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCHEMA = load_schema()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Snapshots of the real customers, registered with Feast and written to its online store in bulk."""
    from features.bulk import write_online_store
    from features.offline import build_snapshots
    from training.importing.complete_journey import import_complete_journey

    var = tmp_path_factory.mktemp("var")
    import_complete_journey(var, seed=0)
    build_snapshots(var / "data" / "complete-journey", AS_OFS, var / "snapshots")
    apply(var, var / "snapshots")
    write_online_store(var / "snapshots", var / "online.db", as_of=AS_OFS[-1], served_at=SERVED_AT)
    return var


@pytest.fixture(scope="module")
def store(folder: Path) -> FeatureStore:
    return open_store(folder)


@pytest.fixture(scope="module")
def sqlite_reader(folder: Path) -> Iterator[SqliteFeatureReader]:
    reader = SqliteFeatureReader(database=folder / "online.db", schema=SCHEMA)
    yield reader
    reader.close()


def customers(folder: Path, count: int) -> list[str]:
    """Customers of the last snapshot, spread over all of them."""
    rows = pd.read_parquet(folder / "snapshots" / "rfm.parquet", columns=["customer_id", "event_timestamp"])
    ids = rows.customer_id[rows.event_timestamp == AS_OFS[-1]].to_list()
    return ids[:: len(ids) // count]


def test_feast_apply_in_a_process_of_its_own_registers_the_schema(tmp_path: Path) -> None:
    shutil.copytree(FEATURE_REPO, tmp_path / "feature_repo", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "features").mkdir()
    shutil.copy(FEATURE_REPO.parent / "features" / "schema.toml", tmp_path / "features")
    (tmp_path / "var" / "feast").mkdir(parents=True)
    ours = {**os.environ, "PYTHONPATH": str(FEATURE_REPO.parent)}  # our packages can be imported, as in use
    feast = Path(sys.executable).with_name("feast")

    done = subprocess.run(
        [feast, "-c", tmp_path / "feature_repo", "apply"],
        env=ours,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    registered = open_store(tmp_path / "var" / "feast")
    found = {view.name: {f.name for f in view.features} for view in registered.list_feature_views()}
    assert found == {view.name: set(view.feature_names) for view in SCHEMA.views}
    service = registered.get_feature_service("decide_v1")
    assert len(service.feature_view_projections) == len(SCHEMA.views)


def test_applying_twice_registers_the_same(folder: Path) -> None:
    again = apply(folder, folder / "snapshots")

    assert again.views == {view.name: tuple(sorted(view.feature_names)) for view in SCHEMA.views}


def test_feast_reads_what_was_written_in_bulk_as_our_reader_does(
    folder: Path, store: FeatureStore, sqlite_reader: SqliteFeatureReader
) -> None:
    feast_reader = FeastFeatureReader(store=store, schema=SCHEMA)
    names = customers(folder, 100)

    through_feast = [feast_reader.read(name) for name in names]

    assert through_feast == [sqlite_reader.read(name) for name in names]
    assert {view.event_at for row in through_feast for view in row.views.values()} == {SERVED_AT}
    assert feast_reader.read("nobody").views == sqlite_reader.read("nobody").views == {}


def test_feasts_own_materialize_stores_the_same_bytes(
    folder: Path, sqlite_reader: SqliteFeatureReader, tmp_path: Path
) -> None:
    bulk = {name: sqlite_reader.read(name) for name in customers(folder, 50)}
    apply(tmp_path, folder / "snapshots")

    open_store(tmp_path).materialize(AS_OFS[-1] - timedelta(seconds=1), AS_OFS[-1])

    reader = SqliteFeatureReader(database=tmp_path / "online.db", schema=SCHEMA)
    for name, stored in bulk.items():
        stock = reader.read(name)
        assert {v: row.values for v, row in stock.views.items()} == {
            v: row.values for v, row in stored.views.items()
        }
        assert {row.event_at for row in stock.views.values()} == {AS_OFS[-1]}
    reader.close()


def test_a_row_for_training_is_the_row_that_is_served(
    folder: Path, store: FeatureStore, sqlite_reader: SqliteFeatureReader
) -> None:
    names = customers(folder, 200)
    wanted = pd.DataFrame({"customer_id": names, "event_timestamp": AS_OFS[-1]})

    offline = historical_features(store, wanted)

    for position, name in enumerate(names):
        online = encode(sqlite_reader.read(name), now=SERVED_AT, schema=SCHEMA)
        row = offline.iloc[position]
        np.testing.assert_array_equal(row[list(SCHEMA.columns)].to_numpy(dtype=float), online.values)
        assert row["time_zone"] == online.strings["time_zone"]


def test_rows_come_back_one_for_one_in_the_order_they_were_asked_for(
    folder: Path, store: FeatureStore
) -> None:
    rng = np.random.default_rng(7)
    names = [*rng.permutation(customers(folder, 300)), "nobody"]
    wanted = pd.DataFrame(
        {"customer_id": [*names, *names], "event_timestamp": rng.choice(AS_OFS, 2 * len(names))}
    )

    found = historical_features(store, wanted)

    assert found.columns.to_list() == ["customer_id", "event_timestamp", *strings_and_columns()]
    assert found.customer_id.to_list() == wanted.customer_id.to_list()
    assert found.event_timestamp.to_list() == wanted.event_timestamp.to_list()
    snapshot = pd.read_parquet(folder / "snapshots" / "rfm.parquet").set_index(
        ["customer_id", "event_timestamp"]
    )
    expected = snapshot.spend_365d.reindex(pd.MultiIndex.from_frame(wanted)).fillna(0.0)  # not yet a customer
    assert found.spend_365d.to_list() == expected.to_list()


def test_a_time_between_snapshots_sees_the_one_before_and_a_time_before_all_sees_defaults(
    folder: Path, store: FeatureStore
) -> None:
    name = customers(folder, 1)[0]
    times = [AS_OFS[0] - timedelta(days=1), AS_OFS[0] + timedelta(days=20), AS_OFS[1] + timedelta(days=90)]

    found = historical_features(store, pd.DataFrame({"customer_id": name, "event_timestamp": times}))

    snapshot = pd.read_parquet(folder / "snapshots" / "rfm.parquet").set_index(
        ["customer_id", "event_timestamp"]
    )
    before_all, between, stale = found.orders_365d.to_list()
    assert before_all == stale == 0.0
    assert between == snapshot.loc[(name, AS_OFS[0])].orders_365d
    assert found.isna().tenure_days.to_list() == [True, False, False]  # the profile stays fresh for 400 days


def test_nothing_after_the_as_of_time_is_in_a_snapshot_of_the_real_data(folder: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from features.offline import build_snapshots

    times = {
        "orders": "ordered_at",
        "campaigns": "starts_at",
        "redemptions": "redeemed_at",
        "customers": "joined_at",
    }
    as_of, data, cut = AS_OFS[0], folder / "data" / "complete-journey", tmp_path / "cut"
    cut.mkdir()
    shutil.copy(data / "events.parquet", cut)
    for table, time in times.items():
        past = pq.read_table(data / f"{table}.parquet", filters=[(time, "<", as_of)])
        pq.write_table(past, cut / f"{table}.parquet")

    build_snapshots(data, [as_of], tmp_path / "of all")
    build_snapshots(cut, [as_of], tmp_path / "of the past")

    for view in SCHEMA.views:
        of_all, of_the_past = (tmp_path / made / f"{view.name}.parquet" for made in ("of all", "of the past"))
        assert of_all.read_bytes() == of_the_past.read_bytes()
    assert pq.read_metadata(tmp_path / "of all" / "rfm.parquet").num_rows == 2452


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["features", "--dataset", "shop"], "shop has no dataset.json; import a data set there first"),
        (["features", "--as-of", "2017-11-01"], "complete-journey has no customers.parquet"),
        (["materialize"], "holds no snapshots; run `python -m training features` first"),
        (["materialize", "--as-of", "2017-11-01"], "run `python -m training features` first"),
    ],
)
def test_the_commands_refuse_what_is_not_there(tmp_path: Path, command: list[str], told: str) -> None:
    from typer.testing import CliRunner

    from training.cli import app

    refused = CliRunner().invoke(app, [*command, "--var", str(tmp_path)])

    assert refused.exit_code == 2
    assert told in refused.stderr


def test_the_commands_build_register_and_serve(folder: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from training.cli import app

    (tmp_path / "data").symlink_to(folder / "data")
    where = ["--var", str(tmp_path)]

    built = CliRunner().invoke(
        app, ["features", "--as-of", "2017-11-01", "--as-of", "2017-12-01T00:00+00:00", *where]
    )
    served = CliRunner().invoke(app, ["materialize", "--served-at", "2026-05-01T12:00", *where])
    refused = CliRunner().invoke(app, ["materialize", "--served-at", "yesterday", *where])

    assert built.exit_code == 0, built.output
    assert served.exit_code == 0, served.output
    assert refused.exit_code == 2
    assert "yesterday" in refused.output
    names = customers(folder, 200)
    wanted = pd.DataFrame({"customer_id": names, "event_timestamp": AS_OFS[-1]})
    trained = historical_features(open_store(tmp_path / "feast"), wanted)[list(SCHEMA.columns)]
    now, later = (
        online_vectors(tmp_path / "feast" / "online.db", names, at)
        for at in (SERVED_AT, SERVED_AT + timedelta(hours=6))
    )
    np.testing.assert_array_equal(now, trained.to_numpy(dtype=float))
    moved = ~((later == now) | np.isnan(now)).all(axis=0)
    assert {name for name, age in zip(SCHEMA.columns, moved, strict=True) if age} == AGES
    tenure = SCHEMA.columns.index("tenure_days")
    np.testing.assert_allclose(later[:, tenure] - now[:, tenure], 0.25, atol=1e-9)


AGES = {
    "tenure_days",
    "recency_days",
    "recency_over_gap",
    "minutes_since_purchase",
    "days_since_redemption",
}
"""Those that the real data, which hold no other steps of a funnel, know of anybody."""


def online_vectors(database: Path, names: list[str], now: datetime) -> np.ndarray:
    """What decisions about these customers at that moment would see."""
    reader = SqliteFeatureReader(database=database, schema=SCHEMA)
    found = np.array([encode(reader.read(name), now=now, schema=SCHEMA).values for name in names])
    reader.close()
    return found


def test_the_wire_format_is_protobufs() -> None:
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import DoubleList, Value

    values = [
        ("float", -0.1, Value(double_val=-0.1)),
        ("int", -5, Value(int64_val=-5)),
        ("bool", True, Value(bool_val=True)),
        ("string", "کد ۳۰", Value(string_val="کد ۳۰")),
        (
            "float_list",
            tuple(i / 7 for i in range(24)),
            Value(double_list_val=DoubleList(val=[i / 7 for i in range(24)])),
        ),
        ("float", None, Value()),
    ]

    for kind, value, message in values:
        assert encode_values(kind, [value])[0] == message.SerializeToString()  # type: ignore[arg-type]
        assert decode_value(message.SerializeToString()) == value
    for name in ("", "7", "مشتری"):
        key = EntityKey(join_keys=["customer_id"], entity_values=[Value(string_val=name)])
        assert entity_key(name) == serialize_entity_key(key, entity_key_serialization_version=3)


def strings_and_columns() -> list[str]:
    """A training row's columns: each feature's own name if it is text, its places otherwise."""
    return [c for f in SCHEMA.features for c in ((f.name,) if f.type == "string" else f.columns)]
