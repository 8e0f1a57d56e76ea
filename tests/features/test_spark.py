"""The same expressions on Spark give what they give on DuckDB. Needs pyspark and Java; skipped without."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.engine import Engine, duckdb_engine
from features.offline import build_snapshots
from features.schema import load_schema

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Spark leaves sockets open

AS_OFS = [datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 4, 10, tzinfo=UTC)]
REAL_AS_OFS = [datetime(2017, 8, 1, tzinfo=UTC), datetime(2017, 12, 1, tzinfo=UTC)]
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
            assert one[column].to_pylist() == approximately(other[column].to_pylist()), f"{name}.{column}"


def approximately(values: list[Any]) -> list[Any]:
    """The values with room for 1e-9 in each number, lists of numbers included."""
    return [pytest.approx(value, rel=1e-9) if isinstance(value, float | list) else value for value in values]


def test_late_events_corrections_and_the_future_count_the_same_on_both(
    busy_shop: Callable[[], Any], spark: Engine, tmp_path: Path
) -> None:
    """What is told late and what is corrected changes the past, what happens at an as-of time or after does not."""
    shop = busy_shop()
    shop.order("customer 1", "2024-02-28T23:59:59", amount=70_000, discount=7)
    shop.event("customer 0", "message_clicked", "2024-02-29", '{"channel": "sms", "topic": "winter"}')
    shop.event("customer 0", "product_viewed", "2024-04-10")
    shop.tables["orders"][0]["amount"] = 1
    dataset = shop.write(tmp_path / "shop")

    build_snapshots(dataset, AS_OFS, tmp_path / "here")
    build_snapshots(dataset, AS_OFS, tmp_path / "there", engine=spark)

    assert_same_numbers(tmp_path / "here", tmp_path / "there")
    march = {
        row["customer_id"]: row for row in pq.read_table(tmp_path / "there" / "rfm.parquet").to_pylist()[:3]
    }
    assert march["customer 1"]["spend_28d"] == 70_000 + 2 * 2_000
    assert march["customer 0"]["spend_365d"] == 1 + 2 * 1_000


@pytest.fixture(scope="module")
def real_data(spark: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The Complete Journey's snapshots at two times by engine."""
    from training.importing.complete_journey import import_complete_journey

    var = tmp_path_factory.mktemp("real")
    import_complete_journey(var, seed=0)
    dataset = var / "data" / "complete-journey"
    with duckdb_engine() as duckdb:
        built = {"duckdb": duckdb, "spark": spark}
        for name, engine in built.items():
            build_snapshots(dataset, REAL_AS_OFS, var / name, engine=engine)
    return {name: var / name for name in built}


def test_real_data_give_the_same_features(real_data: dict[str, Path]) -> None:
    rows = pq.read_metadata(real_data["spark"] / "rfm.parquet").num_rows

    assert rows > 4_500
    assert_same_numbers(real_data["duckdb"], real_data["spark"])


def test_real_data_give_the_same_segments_and_lists(
    real_data: dict[str, Path], spark: Engine, tmp_path: Path
) -> None:
    from contextlib import nullcontext

    from features.segment_files import load_segments
    from training.commands.options import DECISION_POINTS, SEGMENTS
    from training.segment_base import open_base, snapshot_views

    segments = load_segments(DECISION_POINTS / SEGMENTS, load_schema())
    sizes, lists = [], []
    with duckdb_engine() as duckdb:
        for engine in (duckdb, spark):
            views = snapshot_views(real_data["duckdb"], REAL_AS_OFS[-1])
            with open_base(views, segments, engine=nullcontext(engine)) as base:
                sizes.append(base.sizes())
                base.write_list("regulars", tmp_path / "regulars.csv")
            lists.append((tmp_path / "regulars.csv").read_text(encoding="utf-8"))

    assert sizes[0]["regulars"] > 1_000
    assert sizes[1] == sizes[0]
    assert lists[1] == lists[0]
