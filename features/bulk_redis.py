"""Snapshots into Redis in Feast's layout, pipelined: what Feast's own writer stores, many times faster; why: ADR 0002."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import redis

from features.bulk import snapshot_path
from features.online import OnlineStoreError
from features.online_redis import away, open_connections
from features.redis_layout import decode_nanos, encode_time, pack_arguments, redis_key, time_field
from features.redis_row import pack_rows
from features.redis_settings import RedisSettings
from features.schema import JOIN_KEY, View, load_schema

BATCH: Final = 2_000
PATIENCE_SECONDS: Final = 30.0
"""How long a batch may take; the settings' own limit is meant for one customer's read."""
Progress = Callable[[str, int, int], None]
"""Told a view's name, its rows written so far and all of its rows."""


def untold(_view: str, _done: int, _all: int) -> None:
    """Nothing is told."""


def write_redis_store(
    snapshots: Path,
    settings: RedisSettings,
    *,
    as_of: datetime,
    served_at: datetime,
    progress: Progress = untold,
) -> dict[str, int]:
    """The number of customers written for each view: the snapshot at `as_of`, stored as if it spoke of `served_at`.

    View after view: readers see a mixture until it ends. A stored row that is newer than `served_at` is kept. A write of the
    same files with the same times that was cut off is gone on with: how far it came is kept in Redis, behind the rows.
    Memory: one batch of one view. At the end every customer's event times are read back and counted.
    Raises `OnlineStoreError` when Redis does not answer, there is no such snapshot, or fewer rows are there than were sent.
    """
    with _opened(settings) as server:
        filling = _Filling(server, settings, _work(snapshots, as_of, served_at), encode_time(served_at))
        began = filling.came_to()
        written: dict[str, int] = {}
        for view in load_schema().views:
            path = snapshot_path(snapshots, view)
            wanted = _count(path, as_of)
            before = sum(written.values())
            done = min(max(began - before, 0), wanted)
            for rows in _batches(path, as_of, skip=done):
                done += len(rows)
                filling.write(view, rows, came_to=before + done)
                progress(view.name, done, wanted)
            written[view.name] = wanted
        for view in load_schema().views:
            filling.check(view, _batches(snapshot_path(snapshots, view), as_of, columns=[JOIN_KEY]))
        filling.end()
    return written


@dataclass(slots=True)
class _Server:
    """One connection on which many commands are sent before their answers are read."""

    connection: Any
    settings: RedisSettings

    def ask(self, commands: Sequence[bytes]) -> list[Any]:
        """The answers. Raises `OnlineStoreError` for the first that is an error, or when they do not come."""
        try:
            self.connection.send_packed_command([b"".join(commands)], check_health=False)
            return [self.connection.read_response(disable_decoding=True) for _ in commands]
        except (redis.RedisError, OSError) as error:
            self.connection.disconnect()
            raise away(self.settings, error) from None


@contextmanager
def _opened(settings: RedisSettings) -> Iterator[_Server]:
    connections = open_connections(settings, socket_timeout=PATIENCE_SECONDS)
    with closing(connections):
        try:
            connection = connections.get_connection()
        except (redis.RedisError, OSError) as error:
            raise away(settings, error) from None
        yield _Server(connection, settings)


@dataclass(slots=True)
class _Filling:
    """One write of all views: `work` names it, `stored_at` is the event time of its rows as it is stored."""

    server: _Server
    settings: RedisSettings
    work: bytes
    stored_at: bytes
    _mark: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._mark = f"{self.settings.project}:filling".encode()

    def came_to(self) -> int:
        """How many rows of this very work are there from before."""
        (found,) = self.server.ask([_command(b"HMGET", self._mark, b"work", b"rows")])
        return int(found[1]) if found[0] == self.work else 0

    def write(self, view: View, rows: pa.RecordBatch, *, came_to: int) -> None:
        """Store the rows but for those that are there and newer, then how far that is."""
        keys = self._keys(rows)
        newest = decode_nanos(self.stored_at)
        older = [decode_nanos(found) <= newest for found in self._times(view, keys)]
        fresh = [key for key, is_older in zip(keys, older, strict=True) if is_older]
        commands = pack_rows(view, rows.filter(pa.array(older)), fresh, self.stored_at)
        if self.settings.key_ttl_seconds:
            ttl = str(self.settings.key_ttl_seconds).encode()
            commands += [_command(b"EXPIRE", key, ttl) for key in fresh]
        told = _command(b"HSET", self._mark, b"work", self.work, b"rows", str(came_to).encode())
        self.server.ask([*commands, told])

    def check(self, view: View, batches: Iterator[pa.RecordBatch]) -> None:
        """Raises `OnlineStoreError` unless every customer's row of the view is there, as new as was written."""
        newest, wanted, found = decode_nanos(self.stored_at), 0, 0
        for rows in batches:
            times = self._times(view, self._keys(rows))
            wanted += len(times)
            found += sum(decode_nanos(time) >= newest for time in times)
        if found < wanted:
            self.end()  # the next write starts anew
            raise OnlineStoreError(
                f"Redis at {self.settings.address} holds {found} rows of {view.name} as new as was written, "
                f"wanted {wanted}; does it evict keys?"
            )

    def end(self) -> None:
        """Nothing is left to go on with."""
        self.server.ask([_command(b"DEL", self._mark)])

    def _keys(self, rows: pa.RecordBatch) -> list[bytes]:
        return [redis_key(customer_id, self.settings.project) for customer_id in rows[JOIN_KEY].to_pylist()]

    def _times(self, view: View, keys: Sequence[bytes]) -> list[bytes | None]:
        at = time_field(view.name)
        return self.server.ask([_command(b"HGET", key, at) for key in keys])


def _command(*arguments: bytes) -> bytes:
    return b"*%d\r\n" % len(arguments) + pack_arguments(arguments)


def _count(path: Path, as_of: datetime) -> int:
    """The rows of the snapshot. Raises `OnlineStoreError` when there are none."""
    count = sum(len(rows) for rows in _batches(path, as_of, columns=["event_timestamp"]))
    if count == 0:
        raise OnlineStoreError(f"{path} holds no snapshot at {as_of.isoformat()}; build it first")
    return count


def _batches(
    path: Path, as_of: datetime, *, skip: int = 0, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of the snapshot in the file's order, the first `skip` of them left out."""
    wanted = None if columns is None else [*columns, "event_timestamp"]
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:  # not whole columns at once
        for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
            rows = batch.filter(pc.equal(batch["event_timestamp"], pa.scalar(as_of)))
            left_out = min(skip, len(rows))
            skip -= left_out
            if len(rows) > left_out:
                yield rows.slice(left_out)


def _work(snapshots: Path, as_of: datetime, served_at: datetime) -> bytes:
    """What names one write: the files as they are, and both times."""
    files = [snapshot_path(snapshots, view) for view in load_schema().views]
    seen = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    told = repr((seen, as_of.isoformat(), served_at.isoformat()))
    return hashlib.sha256(told.encode()).hexdigest().encode()
