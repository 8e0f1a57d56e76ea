"""Snapshots of every view at given as-of times, one Parquet file a view: what Feast's offline store reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from features.bulk import MANIFEST
from features.definitions import view_rows
from features.engagement import population_terms
from features.engine import Engine, duckdb_engine
from features.history import Sources, as_of_table
from features.population import POPULATION_FILE, TIME
from features.schema import Feature, Schema, View, load_schema
from features.zone import utc_offsets

SHOP_TIME_ZONE = "Asia/Tehran"


def build_snapshots(
    dataset: Path,
    as_ofs: Sequence[datetime],
    out: Path,
    *,
    engine: Engine | None = None,
    shop_time_zone: str = SHOP_TIME_ZONE,
) -> dict[str, int]:
    """The number of rows written to `<out>/<view>.parquet` for each view: one a customer and as-of time.

    On DuckDB unless an engine is given; there the same data set and as-of times give the same bytes. Rows are sorted by
    as-of time and customer; `created_timestamp` is the as-of time. `<out>/snapshots.json` says what the files are made of.
    Raises `DefinitionError` when a definition's columns are not the declared ones, `FileNotFoundError` for a missing table.
    """
    schema = load_schema()
    out.mkdir(parents=True, exist_ok=True)
    with nullcontext(engine) if engine else duckdb_engine() as opened:
        sources = open_sources(opened.backend, dataset, shop_time_zone=shop_time_zone)
        times = as_of_table(as_ofs)
        sources = replace(sources, population=_write_population(opened.backend, sources, times, out))
        rows = {view.name: _write_view(opened, view, sources, times, out) for view in schema.views}
    _write_manifest(out, dataset, as_ofs, rows, schema)
    return rows


def data_end(dataset: Path) -> datetime:
    """The first whole second after the data set's end: the latest as-of time that it can speak of.

    Raises `FileNotFoundError` without a manifest.
    """
    path = dataset / "dataset.json"
    if not path.is_file():
        raise FileNotFoundError(f"{dataset} has no {path.name}; import a data set there first")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    ends_at = datetime.fromisoformat(manifest["ends_at"]).astimezone(UTC)
    return ends_at.replace(microsecond=0) + timedelta(seconds=1)


def open_sources(backend: BaseBackend, dataset: Path, *, shop_time_zone: str = SHOP_TIME_ZONE) -> Sources:
    """The data set's tables as the definitions want them. Raises `FileNotFoundError` naming the missing table."""
    names = ("customers", "orders", "campaigns", "redemptions", "events")
    for name in names:
        if not (dataset / f"{name}.parquet").is_file():
            raise FileNotFoundError(f"{dataset} has no {name}.parquet; import a data set there first")
    tables = {name: backend.read_parquet(dataset / f"{name}.parquet") for name in names}
    offsets = _zone_offsets(backend, tables, shop_time_zone)
    return Sources(**tables, zone_offsets=offsets, shop_time_zone=shop_time_zone)


def arrow_schema(view: View) -> pa.Schema:
    """The columns of a view's snapshot file."""
    time = pa.timestamp("us", tz="UTC")
    features = [pa.field(feature.name, _arrow_type(feature)) for feature in view.features]
    return pa.schema(
        [("customer_id", pa.string()), ("event_timestamp", time), *features, ("created_timestamp", time)]
    )


def _arrow_type(feature: Feature) -> pa.DataType:
    simple = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "string": pa.string()}
    return pa.list_(pa.float64()) if feature.type == "float_list" else simple[feature.type]


def _write_population(backend: BaseBackend, sources: Sources, as_ofs: ir.Table, out: Path) -> ir.Table:
    """The population's terms, counted once and kept beside the views for who computes features of a few customers."""
    terms = backend.to_pyarrow(population_terms(sources, as_ofs).order_by(TIME))
    time = terms[TIME].cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    kept = terms.set_column(terms.column_names.index(TIME), TIME, time)
    write_parquet(kept.to_batches(), kept.schema, out / POPULATION_FILE)
    written = backend.read_parquet(out / POPULATION_FILE)
    return written.mutate(**{TIME: written[TIME].cast("timestamp")})


def _write_view(engine: Engine, view: View, sources: Sources, as_ofs: ir.Table, out: Path) -> int:
    rows = view_rows(view, sources, as_ofs).order_by("event_timestamp", "customer_id")
    timed = rows.mutate(created_timestamp=rows.event_timestamp)
    return write_parquet(engine.batches(timed), arrow_schema(view), out / f"{view.name}.parquet")


def write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> int:
    """The number of rows written to a file of these columns, which appears when it is complete."""
    partial = path.with_name(f"{path.name}.partial")
    n_rows = 0
    with pq.ParquetWriter(partial, schema, compression="zstd") as file:
        for batch in batches:
            file.write_table(pa.Table.from_batches([batch]).cast(schema))
            n_rows += batch.num_rows
    partial.replace(path)
    return n_rows


def _zone_offsets(backend: BaseBackend, tables: dict[str, ir.Table], shop_time_zone: str) -> ir.Table:
    zones = backend.to_pyarrow(tables["customers"].select("time_zone").distinct())["time_zone"].to_pylist()
    times = tables["orders"].select(at=tables["orders"].ordered_at.cast("timestamp('UTC')"))
    seen = times.union(tables["events"].select(at=tables["events"].occurred_at.cast("timestamp('UTC')")))
    span = backend.to_pyarrow(seen.aggregate(first=seen["at"].min(), last=seen["at"].max())).to_pylist()[0]
    epoch = datetime.fromtimestamp(0, UTC)
    rows = utc_offsets(
        [zone or shop_time_zone for zone in zones] or [shop_time_zone],
        span["first"] or epoch,
        span["last"] or epoch,
    )
    columns = {"time_zone": "string", "from_s": "int64", "until_s": "int64", "offset_s": "int64"}
    return ibis.memtable([row._asdict() for row in rows], schema=columns)


def _write_manifest(
    out: Path, dataset: Path, as_ofs: Sequence[datetime], rows: dict[str, int], schema: Schema
) -> None:
    described = dataset / "dataset.json"
    source = json.loads(described.read_text(encoding="utf-8")) if described.is_file() else {}
    manifest = {
        "dataset": source.get("name"),
        "dataset_fingerprint": source.get("fingerprint"),
        "received_until": source.get("received_until") or None,
        "schema_digest": schema.digest,
        "as_ofs": [as_of.astimezone(UTC).isoformat() for as_of in sorted(as_ofs)],
        "rows": rows,
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
