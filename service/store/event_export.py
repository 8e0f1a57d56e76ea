"""The event log as Parquet, beside the decisions: a file a day of receipt, and what is known of whom.

    DIR/events/day=2026-11-22/part.parquet   one row a message, in the order received
    DIR/event_days/2026-11-22.json           its rows, how many were nobody's, and until when it was received
    DIR/traits/part.parquet                  the latest told of each trait of a customer
    DIR/identities/part.parquet              who each anonymous id was last identified as

A day that is over is not written again, unless somebody was identified since whose anonymous messages are in it. What the
log let go of since stays in its file. Traits and identities are written anew by each run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Select, func, select

from service.store.engine import microseconds, moment
from service.store.parquet_file import replace_content, write_batches, write_table
from service.store.tables import events, identities, traits

SETTLING: Final = timedelta(minutes=1)
"""How long after it was received a message may still be on its way into the log; the log's patience is shorter."""
_AT_ONCE: Final = 10_000
_DAY_US: Final = 86_400_000_000
_TIME: Final = pa.timestamp("us", tz="UTC")
_TEXT: Final = pa.string()
EVENTS: Final = pa.schema(
    [
        *((name, _TEXT) for name in ("message_id", "customer_id", "anonymous_id", "type", "name")),
        *(("occurred_at", _TIME), ("received_at", _TIME), ("content", _TEXT)),
    ]
)
"""`content` is JSON: properties or traits, and context."""
_STATES: Final = {
    traits: pa.schema({"customer_id": _TEXT, "name": _TEXT, "value": _TEXT, "told_at": _TIME}),
    identities: pa.schema({"anonymous_id": _TEXT, "customer_id": _TEXT, "joined_at": _TIME}),
}


@dataclass(frozen=True)
class EventDay:
    """What was written of the messages received on a day.

    nobodys: rows of somebody who was not known then. until: ISO 8601; what was received on the day before it is in the file.
    """

    day: str
    rows: int
    nobodys: int
    until: str

    @property
    def closed(self) -> bool:
        """Whether the day was over, so that no message can be added to it."""
        return datetime.fromisoformat(self.until) >= _begin(date.fromisoformat(self.day) + timedelta(days=1))


def export_events(
    connection: Connection, folder: Path, *, since: date | None, until: date, now: datetime
) -> Iterator[EventDay]:
    """The days from `since` (None: the log's first) up to and without `until`, each written when it is yielded.

    Once they all are, what is known of customers is written too.
    """
    first, until = since or _first_day(connection), min(until, now.date() + timedelta(days=1))
    nobodys = _nobodys(connection)
    for number in range((until - first).days if first else 0):
        assert first is not None
        day = first + timedelta(days=number)
        known = read_event_day(folder, day)
        if known is None or not known.closed or _was_claimed(connection, known, nobodys.get(day, 0)):
            yield _write_day(connection, folder, day, now)
    for table, schema in _STATES.items():
        rows = _batches(connection, select(table).order_by(*table.primary_key), schema)
        write_table(folder / table.name / "part.parquet", schema, rows)


def read_event_day(folder: Path, day: date) -> EventDay | None:
    """What was written of a day; None where it was not, or not to its end."""
    path = _note(folder, str(day))
    return EventDay(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def note_event_day(folder: Path, day: EventDay) -> EventDay:
    """The day, on record: what is written after its file says that it is whole."""
    replace_content(_note(folder, day.day), json.dumps(asdict(day)).encode())
    return day


def events_file(folder: Path, day: str) -> Path:
    """Where the messages received on a day lie; there is no file where there are none."""
    return folder / events.name / f"day={day}" / "part.parquet"


def _note(folder: Path, day: str) -> Path:
    return folder / "event_days" / f"{day}.json"


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


def _first_day(connection: Connection) -> date | None:
    found = connection.scalar(select(func.min(events.c.received_at)))
    return None if found is None else moment(found).date()


def _nobodys(connection: Connection) -> Mapping[date, int]:
    """Messages of somebody who is not known yet, by the day on which they were received."""
    day = (events.c.received_at - events.c.received_at % _DAY_US).label("day")
    counted = select(day, func.count()).where(events.c.customer_id.is_(None)).group_by(day)
    return {moment(at).date(): rows for at, rows in connection.execute(counted)}


def _was_claimed(connection: Connection, known: EventDay, nobodys: int) -> bool:
    """Whether messages of a closed day became somebody's since; not where the log no longer has all that its file has."""
    if nobodys == known.nobodys:
        return False
    begin, end = _span(date.fromisoformat(known.day))
    mine = (events.c.received_at >= begin, events.c.received_at < end)
    return connection.scalar(select(func.count()).where(*mine)) == known.rows


def _span(day: date) -> tuple[int, int]:
    begin = microseconds(_begin(day))
    return begin, begin + _DAY_US


def _write_day(connection: Connection, folder: Path, day: date, now: datetime) -> EventDay:
    begin, end = _span(day)
    until = min(end, microseconds(now - SETTLING))
    mine = (events.c.received_at >= begin, events.c.received_at < until)
    query = select(events).where(*mine).order_by(events.c.received_at, events.c.message_id)
    nobodys = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal nobodys
        for batch in _batches(connection, query, EVENTS):
            nobodys += batch["customer_id"].null_count
            yield batch

    rows = write_batches(events_file(folder, str(day)), EVENTS, counted())
    return note_event_day(folder, EventDay(str(day), rows, nobodys, moment(until).isoformat()))


def _batches(connection: Connection, query: Select[Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What the query finds, read from the database as it is asked for."""
    streaming = query.execution_options(stream_results=True, yield_per=_AT_ONCE)
    with connection.execute(streaming) as found:
        for part in found.partitions():
            columns = dict(zip(found.keys(), zip(*part, strict=True), strict=True))
            yield pa.record_batch([_array(columns[field.name], field.type) for field in schema], schema)


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    """The database's texts, bytes and microseconds as a column."""
    if kind == _TIME:
        return pa.array(values, pa.int64()).cast(kind)
    if isinstance(values[0], bytes):
        return pa.array(values, pa.binary()).cast(kind)
    return pa.array(values, kind)
