"""The same expressions on Spark give what they give on DuckDB. Needs pyspark and Java; skipped without."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pytest

from features.history import as_of_table
from features.offline import DEFINITIONS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Spark leaves sockets open

AS_OFS = [datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 4, 10, tzinfo=UTC)]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none here")
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
    }
    session = pyspark.SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    yield ibis.pyspark.connect(session)
    session.stop()


@pytest.mark.parametrize("view", DEFINITIONS)
def test_spark_computes_the_same_features(
    busy_shop: Callable[[], Any], spark: Any, view: str, tmp_path: Path
) -> None:
    shop = busy_shop()
    folder, times = shop.write(tmp_path), as_of_table(AS_OFS)
    on_duckdb = shop.sources()
    tables = {
        name: spark.read_parquet(folder / f"{name}.parquet")
        for name in ("customers", "orders", "campaigns", "redemptions", "events")
    }
    on_spark = replace(on_duckdb, **tables)
    define = DEFINITIONS[view]

    there, here = spark.to_pyarrow(define(on_spark, times)), shop.backend.to_pyarrow(define(on_duckdb, times))

    assert len(here) == 6
    assert rows(there) == rows(here)


def rows(table: Any) -> dict[tuple[str, datetime], dict[str, Any]]:
    return {
        (row["customer_id"], row["event_timestamp"].replace(tzinfo=UTC)): {
            name: value for name, value in row.items() if name not in ("customer_id", "event_timestamp")
        }
        for row in table.to_pylist()
    }
