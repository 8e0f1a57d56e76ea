"""A customer base of any size for the measurements: snapshots of every declared feature, drawn at random, a tenth null."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.features.settings import AS_OF
from features.bulk import snapshot_path
from features.offline import arrow_schema
from features.schema import Feature, load_schema

_BATCH = 50_000


def write_base(folder: Path, customers: int, *, seed: int = 0) -> Path:
    """The folder with one snapshot of each view at `AS_OF`, a row a customer."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for view in load_schema().views:
        schema = arrow_schema(view)
        with pq.ParquetWriter(snapshot_path(folder, view), schema, compression="zstd") as file:
            for start in range(0, customers, _BATCH):
                rows = min(_BATCH, customers - start)
                names = pa.array([customer_id(number) for number in range(start, start + rows)])
                times = pa.array([AS_OF] * rows, pa.timestamp("us", tz="UTC"))
                columns = [_column(feature, rows, rng) for feature in view.features]
                file.write_table(pa.table([names, times, *columns, times], schema=schema))
    return folder


def customer_id(number: int) -> str:
    """The id of the base's nth customer."""
    return f"customer {number:08d}"


def _column(feature: Feature, rows: int, rng: np.random.Generator) -> pa.Array:
    null = rng.random(rows) < 0.1
    if feature.type == "bool":
        return pa.array(rng.random(rows) < 0.5, mask=null)
    if feature.type == "string":
        return pa.array(rng.choice(["Asia/Tehran", "Europe/Berlin", ""], rows), mask=null)
    if feature.type == "int":
        return pa.array(rng.integers(0, 100, rows), mask=null)
    if feature.type == "float":
        return pa.array(rng.gamma(1.0, 10.0, rows), mask=null)
    lists = rng.random((rows, feature.length))
    return pa.array(list(lists), pa.list_(pa.float64()))
