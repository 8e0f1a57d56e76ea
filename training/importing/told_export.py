"""Reads what was told of customers from the Parquet files that the event log was exported to, in a folder or object storage.

The service writes them and never meets this code: the folders, columns and notes named here are the contract between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from features.told import ToldEvent, ToldTrait
from training.evaluation.errors import LogError
from training.importing.told_source import told_event, told_trait

SORT_MEMORY: Final = "200MB"
"""What a database that sorts by customer, or a table's rows, may use; the rest of it is on disk."""
_CHUNK: Final = 5_000
_EVENTS: Final = ("message_id", "type", "name", "content")
_TIME: Final = pa.timestamp("us", tz="UTC")
_NO_ROWS: Final = {
    "events": {
        **dict.fromkeys((*_EVENTS, "customer_id", "anonymous_id"), pa.string()),
        **dict.fromkeys(("occurred_at", "received_at"), _TIME),
    },
    "identities": dict.fromkeys(("anonymous_id", "customer_id"), pa.string()),
    "traits": {**dict.fromkeys(("customer_id", "name", "value"), pa.string()), "told_at": _TIME},
}


@dataclass(frozen=True, kw_only=True)
class ToldExport:
    """The exported log; see `ToldSource`. It is sorted by customer on disk."""

    connection: duckdb.DuckDBPyConnection
    tables: Mapping[str, ds.Dataset | pa.Table]
    name: str
    until: datetime

    def events(self) -> Iterator[ToldEvent]:
        """Those of customers, and with them what was nobody's under an anonymous id that became theirs."""
        columns = ", ".join(f"events.{name}" for name in _EVENTS)
        query = f"""
            select {columns}, epoch_us(occurred_at) as occurred_at, epoch_us(received_at) as received_at,
                   coalesce(events.customer_id, identities.customer_id) as owner
            from events left join identities using (anonymous_id) where owner is not null order by owner"""
        return map(told_event, self._stream(query))

    def traits(self) -> Iterator[ToldTrait]:
        """As of the last export."""
        query = (
            "select customer_id, name, value, epoch_us(told_at) as told_at from traits order by customer_id"
        )
        return map(told_trait, self._stream(query))

    def count_nobodys(self) -> int:
        """Counted once more through the files."""
        query = """select count(*) from events left join identities using (anonymous_id)
            where events.customer_id is null and identities.customer_id is null"""
        [(rows,)] = (row.values() for row in self._stream(query))
        return int(rows)

    def _stream(self, query: str) -> Iterator[Mapping[str, Any]]:
        with self.connection.cursor() as cursor:  # which sees no tables but its own
            for name, table in self.tables.items():
                cursor.register(name, table)
            for batch in cursor.sql(query).to_arrow_reader(_CHUNK):
                yield from batch.to_pylist()


@contextmanager
def open_told_export(address: str) -> Iterator[ToldExport]:
    """The export in a folder, or at an address such as s3://BUCKET/PREFIX, which pyarrow reads with its own credentials.

    Raises: `LogError` when there is none, or days of it are missing or not whole.
    """
    try:
        folder = _open_folder(address)
        notes = _read_notes(folder, address)
        files = [_whole_file(folder, note) for note in notes]
    except (OSError, pa.ArrowInvalid) as error:
        raise LogError(f"the export in {address} cannot be read: {error}") from error
    with TemporaryDirectory() as spill:
        config = {"threads": 1, "memory_limit": SORT_MEMORY, "temp_directory": spill}
        with duckdb.connect(config=config) as connection:
            yield ToldExport(
                connection=connection,
                tables=_tables(folder, files),
                name=f"event log in {address}",
                until=datetime.fromisoformat(notes[-1]["until"]),
            )


def _open_folder(address: str) -> fs.FileSystem:
    base, path = (
        fs.FileSystem.from_uri(address)
        if "://" in address
        else (fs.LocalFileSystem(), str(Path(address).absolute()))
    )
    return fs.SubTreeFileSystem(path, base)


def _read_notes(folder: fs.FileSystem, address: str) -> Sequence[Mapping[str, Any]]:
    """The notes of days, oldest first. Raises: `LogError` when there are none, or a day is missing or was not over."""
    chosen = fs.FileSelector("event_days", allow_not_found=True)
    paths = sorted(info.path for info in folder.get_file_info(chosen) if info.base_name.endswith(".json"))
    notes = []
    for path in paths:
        with folder.open_input_stream(path) as file:
            notes.append(json.loads(file.read()))
    if not notes:
        raise LogError(f"no exported event log in {address}; `python -m service export-log` writes one")
    for one, other in pairwise(notes):
        next_day = datetime.combine(date.fromisoformat(one["day"]) + timedelta(days=1), time(0), UTC)
        if datetime.fromisoformat(one["until"]) < next_day:
            raise LogError(f"{address}: {one['day']} was not over when it was exported; export it again")
        if str(next_day.date()) != other["day"]:
            raise LogError(
                f"{address} holds {one['day']} and {other['day']} and no day between: export those"
            )
    return notes


def _whole_file(folder: fs.FileSystem, note: Mapping[str, Any]) -> str | None:
    """The day's file, None where nothing came. Raises: `LogError` when it does not hold what the note says."""
    path = f"events/day={note['day']}/part.parquet"
    is_there = _is_file(folder, path)
    rows = pq.read_metadata(path, filesystem=folder).num_rows if is_there else 0
    if rows != note["rows"]:
        raise LogError(f"{path} holds {rows:,} rows; its day's note says {note['rows']:,}: export it again")
    return path if is_there else None


def _is_file(folder: fs.FileSystem, path: str) -> bool:
    return bool(folder.get_file_info(path).type == fs.FileType.File)


def _tables(folder: fs.FileSystem, days: Sequence[str | None]) -> dict[str, ds.Dataset | pa.Table]:
    """The export's tables by name; one without any file has no rows."""
    files = {"events": [path for path in days if path is not None]}
    for name in ("identities", "traits"):
        path = f"{name}/part.parquet"
        files[name] = [path] if _is_file(folder, path) else []
    return {
        name: ds.dataset(paths, filesystem=folder, format="parquet")
        if paths
        else pa.schema(_NO_ROWS[name]).empty_table()
        for name, paths in files.items()
    }
