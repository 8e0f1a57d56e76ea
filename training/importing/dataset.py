"""A data set: one folder with a Parquet file a canonical table, the rejected rows and a manifest that describes them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.tables import TABLES, TIMESTAMP
from training.importing.rejects import REJECTS_FILE, Reject, describe_rejects, write_rejects

MANIFEST_FILE: Final = "dataset.json"
_ARROW_TYPES: Final = {
    TIMESTAMP: pa.timestamp("us", tz="UTC"),
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "boolean": pa.bool_(),
}
Rows: TypeAlias = pa.Table | pa.RecordBatchReader
"""A table in memory, or one that is read as it is written."""


class DatasetError(Exception):
    """A data set that cannot be written or read as asked."""


@dataclass(frozen=True, kw_only=True)
class DatasetManifest:
    """What `dataset.json` says of a data set."""

    name: str
    source: str
    currency: str
    amount_scale: float  # one unit of the source's money is this many units of `currency`
    ends_at: str  # ISO 8601, UTC: the last order, or until when an event log was read
    tables: dict[str, int]  # rows
    rejected: dict[str, int]  # rows; the reasons are in rejects.csv
    simulated: tuple[str, ...]  # tables, or table.column, that hold made-up data
    fingerprint: str  # sha256 over the table files
    notes: tuple[str, ...] = ()  # what a reader of the numbers has to know
    received_until: str = (
        ""  # ISO 8601: the log's messages received before it are in it; empty: of no event log
    )


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """What an importer knows of its data set; the rest of the manifest follows from the rows written.

    received_until: of the event log, of which orders or customers are enough.
    """

    name: str
    source: str
    currency: str
    amount_scale: float
    simulated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    received_until: datetime | None = None


def dataset_folder(var: Path, name: str) -> Path:
    """The folder of the data set `name` under `var`. Raises DatasetError for a name that is no plain folder name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise DatasetError(
            f"data set name {name!r}: wanted up to 64 letters, digits, '-' or '_', a letter or digit first"
        )
    return var / "data" / name


def table_schema(table: str) -> pa.Schema:
    """The Arrow schema of a canonical table: the columns of `features.tables`, times as UTC microseconds."""
    return pa.schema([(column, _ARROW_TYPES[kind]) for column, kind in TABLES[table].items()])


def write_dataset(
    folder: Path,
    description: DatasetDescription,
    tables: Mapping[str, Rows],
    rejects: Sequence[Reject] = (),
) -> DatasetManifest:
    """The manifest of the data set as written; a table not given is written with no rows.

    Everything is written to a temporary folder beside the target and then renamed, so an interrupted import leaves the data
    set that was there, or none. Raises DatasetError when there is no order (of an event log: no customer) or a table has
    other columns than it should.
    """
    with _replacing(folder) as partial:
        for table in TABLES:
            _write_table(
                partial / f"{table}.parquet", table, tables.get(table, table_schema(table).empty_table())
            )
        needed = "orders" if description.received_until is None else "customers"
        if not pq.read_metadata(partial / f"{needed}.parquet").num_rows:
            raise DatasetError(f"no {needed[:-1]} to write to {folder}; {describe_rejects(rejects)}")
        write_rejects(partial / REJECTS_FILE, rejects)
        complete = _with_contents(_manifest(description, partial, rejects), partial)
        _write_manifest(partial, complete)
    return complete


def _manifest(description: DatasetDescription, folder: Path, rejects: Sequence[Reject]) -> DatasetManifest:
    """What is known before the files are counted."""
    until = description.received_until
    return DatasetManifest(
        name=description.name,
        source=description.source,
        currency=description.currency,
        amount_scale=description.amount_scale,
        ends_at=(until or _last_order(folder)).isoformat(),
        tables={},
        rejected=dict(sorted(Counter(reject.table for reject in rejects).items())),
        simulated=description.simulated,
        fingerprint="",
        notes=description.notes,
        received_until="" if until is None else until.isoformat(),
    )


def _last_order(folder: Path) -> datetime:
    times = pq.read_table(folder / "orders.parquet", columns=["ordered_at"])["ordered_at"]
    last: datetime = pc.max(times).as_py()
    return last


def replace_table(folder: Path, table: str, rows: pa.Table, *, simulated: bool) -> DatasetManifest:
    """The new manifest after one table of a data set was replaced; `simulated` says whether its rows are made up."""
    manifest = read_manifest(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as partial:
        written = Path(partial) / f"{table}.parquet"
        _write_table(written, table, rows)
        written.replace(folder / written.name)
    labels = set(manifest.simulated) - {table} | ({table} if simulated else set())
    changed = _with_contents(replace(manifest, simulated=tuple(sorted(labels))), folder)
    _write_manifest(folder, changed)
    return changed


def read_manifest(folder: Path) -> DatasetManifest:
    """The manifest of the data set in `folder`.

    Raises DatasetError when there is none, when it lacks a field, or when a table is missing or has another number of rows.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise DatasetError(
            f"no data set in {folder}: {MANIFEST_FILE} is missing; run `python -m training import` first"
        )
    manifest = _parse_manifest(path)
    for table in TABLES:
        file = folder / f"{table}.parquet"
        if table not in manifest.tables or not file.is_file():
            raise DatasetError(f"the data set in {folder} is incomplete: no table {table!r}; import it again")
        found = pq.read_metadata(file).num_rows
        if found != manifest.tables[table]:
            raise DatasetError(
                f"{file} has {found} rows, its manifest says {manifest.tables[table]}; import it again"
            )
    return manifest


def _parse_manifest(path: Path) -> DatasetManifest:
    content = json.loads(path.read_text(encoding="utf-8"))
    wanted = {field.name for field in fields(DatasetManifest)}
    if {"received_until", *content} != wanted:  # which data sets of earlier releases lack
        raise DatasetError(f"{path} has the fields {sorted(content)}, wanted {sorted(wanted)}")
    return DatasetManifest(
        **{**content, "simulated": tuple(content["simulated"]), "notes": tuple(content["notes"])},
    )


def _write_manifest(folder: Path, manifest: DatasetManifest) -> None:
    partial = folder / f".{MANIFEST_FILE}.partial"
    partial.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / MANIFEST_FILE)


def _write_table(path: Path, table: str, rows: Rows) -> None:
    schema = table_schema(table)
    if rows.schema.names != schema.names:
        raise DatasetError(f"table {table!r} has the columns {rows.schema.names}, wanted {schema.names}")
    if isinstance(rows, pa.Table):
        pq.write_table(rows.cast(schema).combine_chunks(), path, compression="zstd", coerce_timestamps="us")
        return
    with pq.ParquetWriter(path, schema, compression="zstd", coerce_timestamps="us") as writer:
        for batch in rows:
            writer.write_batch(batch.cast(schema))


def _with_contents(manifest: DatasetManifest, folder: Path) -> DatasetManifest:
    files = {table: folder / f"{table}.parquet" for table in TABLES}
    digest = hashlib.sha256()
    for table, file in files.items():
        with file.open("rb") as content:
            digest.update(table.encode() + hashlib.file_digest(content, "sha256").digest())
    counts = {table: pq.read_metadata(file).num_rows for table, file in files.items()}
    return replace(manifest, tables=counts, fingerprint=digest.hexdigest())


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-partial-"))
    try:
        fresh = work / "new"
        fresh.mkdir()
        yield fresh
        if folder.exists():
            folder.rename(work / "old")
        try:
            fresh.rename(folder)
        except OSError:
            if (work / "old").exists():
                (work / "old").rename(folder)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
