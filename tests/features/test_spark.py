"""The same expressions on Spark give what they give on DuckDB. Needs pyspark and Java; skipped without."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.engine import Engine, duckdb_engine
from features.offline import build_snapshots
from features.schema import load_schema
from features.tables import TABLES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Spark leaves sockets open

REAL_AS_OFS = [datetime(2017, 8, 1, tzinfo=UTC), datetime(2017, 12, 1, tzinfo=UTC)]
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
FILES = [*(view.name for view in load_schema().views), "population"]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none here")
    from features.spark_engine import open_spark

    with open_spark(tmp_path_factory.mktemp("spark"), master="local[2]") as engine:
        yield engine


def assert_same_numbers(here: Path, there: Path) -> None:
    """Every file of snapshots has the same rows in the same order, numbers to 1e-9."""
    for name in FILES:
        one, other = (pq.read_table(folder / f"{name}.parquet") for folder in (here, there))
        assert one.schema == other.schema, name
        for column in one.column_names:
            ours, theirs = one[column], other[column]
            if pa.types.is_list(ours.type):
                assert pc.list_value_length(ours).equals(pc.list_value_length(theirs)), f"{name}.{column}"
                ours, theirs = pc.list_flatten(ours), pc.list_flatten(theirs)
            if pa.types.is_floating(ours.type):
                assert ours.is_null().equals(theirs.is_null()), f"{name}.{column}"
                pairs = (values.to_numpy(zero_copy_only=False) for values in (ours, theirs))
                np.testing.assert_allclose(*pairs, rtol=1e-9, err_msg=f"{name}.{column}")
            else:
                assert ours.equals(theirs), f"{name}.{column}"


@pytest.fixture(scope="module")
def built(
    busy_shop: Callable[[], Any], spark: Engine, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The snapshots by engine of the Complete Journey, and of a busy shop years later; a query each is enough for both."""
    from training.importing.complete_journey import import_complete_journey

    var = tmp_path_factory.mktemp("real")
    import_complete_journey(var, seed=0)
    dataset, shop = var / "data" / "complete-journey", late_and_corrected(busy_shop())
    for name in TABLES:
        real = pq.read_table(dataset / f"{name}.parquet")
        both = pa.concat_tables([real, shop.arrow(name).cast(real.schema)])
        pq.write_table(both, dataset / f"{name}.parquet")
    with duckdb_engine() as duckdb:
        for name, engine in {"duckdb": duckdb, "spark": spark}.items():
            build_snapshots(dataset, [*REAL_AS_OFS, AS_OF], var / name, engine=engine)
    return {name: var / name for name in ("duckdb", "spark")}


def late_and_corrected(shop: Any) -> Any:
    """The shop after an order and an answer were told late, an order corrected, and with an event at the as-of time."""
    shop.order("customer 1", "2024-02-28T23:59:59", amount=70_000, discount=7)
    shop.event("customer 0", "message_clicked", "2024-02-29", '{"channel": "sms", "topic": "winter"}')
    shop.event("customer 0", "product_viewed", "2024-03-01")
    shop.tables["orders"][0]["amount"] = 1
    return shop


def test_real_data_give_the_same_features(built: dict[str, Path]) -> None:
    rows = pq.read_metadata(built["spark"] / "rfm.parquet").num_rows

    assert rows > 7_000
    assert_same_numbers(built["duckdb"], built["spark"])


def test_late_events_and_corrections_count_and_what_is_of_the_as_of_time_does_not(
    built: dict[str, Path],
) -> None:
    last = [("event_timestamp", "=", AS_OF), ("customer_id", "in", ["customer 0", "customer 1"])]
    orders, steps = (
        pq.read_table(built["spark"] / f"{view}.parquet", filters=last).to_pylist()
        for view in ("rfm", "funnel")
    )

    assert [row["spend_365d"] for row in orders] == [1 + 2 * 1_000, 70_000 + 3 * 2_000]
    assert orders[1]["discount_share_365d"] == pytest.approx(157 / (76_000 + 157), rel=1e-9)
    assert steps[0]["product_views_28d"] == 2


def test_real_data_give_the_same_segments_and_lists(
    built: dict[str, Path], spark: Engine, tmp_path: Path
) -> None:
    from contextlib import nullcontext

    from features.segment_files import load_segments
    from training.commands.options import DECISION_POINTS, SEGMENTS
    from training.segment_base import open_base, snapshot_views

    segments = load_segments(DECISION_POINTS / SEGMENTS, load_schema())
    sizes, lists = [], []
    with duckdb_engine() as duckdb:
        for engine in (duckdb, spark):
            views = snapshot_views(built["duckdb"], REAL_AS_OFS[-1])
            with open_base(views, segments, engine=nullcontext(engine)) as base:
                sizes.append(base.sizes())
                base.write_list("regulars", tmp_path / "regulars.csv")
            lists.append((tmp_path / "regulars.csv").read_text(encoding="utf-8"))

    assert sizes[0]["regulars"] > 1_000
    assert sizes[1] == sizes[0]
    assert lists[1] == lists[0]
