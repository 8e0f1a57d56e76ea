"""Snapshots into Feast's SQLite online store in one transaction and in Feast's own format; why: ADR 0002."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.online import PROJECT, OnlineStoreError, online_table
from features.schema import JOIN_KEY, View, load_schema
from features.wire import encode_values, entity_key

MANIFEST = "snapshots.json"
"""Says, beside the snapshots, what they are made of."""
_CREATE = """
CREATE TABLE IF NOT EXISTS "{table}" (entity_key BLOB, feature_name TEXT, value BLOB, value_text TEXT,
  vector_value BLOB, event_ts timestamp, created_ts timestamp, PRIMARY KEY(entity_key, feature_name))
"""
_INDEX = 'CREATE INDEX IF NOT EXISTS "{table}_ek" ON "{table}" (entity_key)'
_UPSERT = """
INSERT INTO "{table}" (entity_key, feature_name, value, event_ts, created_ts) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (entity_key, feature_name) DO UPDATE
  SET value = excluded.value, event_ts = excluded.event_ts, created_ts = excluded.created_ts
  WHERE excluded.event_ts >= event_ts
"""


def write_online_store(
    snapshots: Path, database: Path, *, as_of: datetime, served_at: datetime, project: str = PROJECT
) -> dict[str, int]:
    """The number of customers written for each view: the snapshot at `as_of`, stored as if it spoke of `served_at`.

    Data that ended long ago is stale by any clock; a demonstration serves it as if it ended at `served_at`. The snapshot
    files keep the true time. All views change in one transaction and readers see the old rows until it ends (WAL). A stored
    row that is newer than `served_at`, say a pushed one, is kept.
    Raises `OnlineStoreError` when the files hold no such snapshot or fewer rows arrived than were sent.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        written = {}
        for view in load_schema().views:
            rows = read_snapshot(snapshots, view, as_of)
            _write_view(connection, view, rows, online_table(view.name, project), served_at)
            written[view.name] = len(rows)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return written


def upsert_statement(table: str) -> str:
    """Stores one value (key, feature, value, event and creation time) unless a newer one is there."""
    return _UPSERT.format(table=table)


def latest_as_of(snapshots: Path) -> datetime:
    """The newest as-of time of the snapshot files. Raises `OnlineStoreError` when there are none or they are empty."""
    file = snapshot_path(snapshots, load_schema().views[0])
    if not file.is_file():
        raise OnlineStoreError(f"{snapshots} holds no snapshots; run `python -m training features` first")
    latest = pc.max(pq.read_table(file, columns=["event_timestamp"])["event_timestamp"])
    if not latest.is_valid:
        raise OnlineStoreError(f"{snapshots} holds no rows; build snapshots first")
    as_of: datetime = latest.as_py()
    return as_of.astimezone(UTC)


def snapshot_path(snapshots: Path, view: View) -> Path:
    """The file of a view's snapshots."""
    return snapshots / f"{view.name}.parquet"


def read_snapshot(snapshots: Path, view: View, as_of: datetime) -> pa.Table:
    """The rows of a view's snapshot at `as_of`, one a customer. Raises `OnlineStoreError` when there are none."""
    path = snapshot_path(snapshots, view)
    rows = pq.read_table(path, filters=[("event_timestamp", "=", as_of)])
    if len(rows) == 0:
        raise OnlineStoreError(f"{path} holds no snapshot at {as_of.isoformat()}; build it first")
    return rows


def _write_view(
    connection: sqlite3.Connection, view: View, rows: pa.Table, table: str, served_at: datetime
) -> None:
    connection.execute(_CREATE.format(table=table))
    connection.execute(_INDEX.format(table=table))
    event_s = int(served_at.timestamp())
    connection.executemany(upsert_statement(table), _stored_rows(view, rows, event_s))
    found = connection.execute(f'SELECT count(*) FROM "{table}" WHERE event_ts >= ?', (event_s,)).fetchone()[
        0
    ]
    wanted = len(rows) * len(view.features)
    if found < wanted:
        raise OnlineStoreError(
            f"{table} holds {found} rows as new as {served_at.isoformat()}, wanted {wanted}"
        )


def _stored_rows(view: View, rows: pa.Table, event_s: int) -> Iterator[tuple[bytes, str, bytes, int, int]]:
    """Rows in the order of the table's key: appending to an index is several times faster than inserting all over it."""
    features = sorted(view.features, key=lambda feature: feature.name)
    names = [feature.name for feature in features]
    columns = [encode_values(feature.type, rows[feature.name].to_pylist()) for feature in features]
    keys = [entity_key(customer_id) for customer_id in rows[JOIN_KEY].to_pylist()]
    for key, values in sorted(zip(keys, zip(*columns, strict=True), strict=True)):
        for name, value in zip(names, values, strict=True):
            yield key, name, value, event_s, event_s
