"""The decisions' monthly parts on PostgreSQL, so that retention drops a whole month instead of deleting rows one by one.

A decision's id begins with its time (UUIDv7), so a part holds the ids of a month and the primary key stays the id alone. Ids
of no part made yet go to the default one. SQLite has one table.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, inspect, text

from service.decision_id import decision_id

MONTHS_AHEAD: Final = 2
_NAME = re.compile(r"decisions_(\d{4})_(\d{2})")
_DEFAULT: Final = "decisions_default"
MAKING_WAITS_MS, DROPPING_WAITS_MS = 200, 2_000


def is_partition(name: str | None) -> bool:
    """Whether a table of this name is a part of `decisions`.

    >>> is_partition("decisions_2026_11"), is_partition("decisions")
    (True, False)
    """
    return name is not None and (name == _DEFAULT or _NAME.fullmatch(name) is not None)


def first_id(month: datetime) -> str:
    """The lowest id that a decision from this moment on can have.

    >>> first_id(datetime(2026, 11, 1, tzinfo=UTC))
    '01a19467-e800-7000-8000-000000000000'
    """
    return decision_id(int(month.timestamp() * 1000), bytes(10))


def month_of(moment: datetime, later: int = 0) -> datetime:
    """The beginning of a moment's month in UTC, or of that many months later.

    >>> month_of(datetime(2026, 11, 22, tzinfo=UTC), later=2).date()
    datetime.date(2027, 1, 1)
    """
    months = moment.year * 12 + moment.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def make_partitions(connection: Connection, now: datetime | None = None) -> list[str]:
    """The names of the parts made: the default one and, when told the time, this month's and the next ones'.

    A month that has rows in the default part already stays there: rows are not moved. On SQLite there are none.
    """
    if connection.dialect.name != "postgresql":
        return []
    known = set(partitions(connection))
    made = []
    if _DEFAULT not in known:
        connection.execute(text(f"CREATE TABLE {_DEFAULT} PARTITION OF decisions DEFAULT"))
        made.append(_DEFAULT)
    months = [month_of(now, later) for later in range(MONTHS_AHEAD + 1)] if now else []
    for month in months:
        name = f"decisions_{month:%Y_%m}"
        if name not in known and not _stray(connection, month):
            low, high = first_id(month), first_id(month_of(month, 1))
            statement = f"CREATE TABLE {name} PARTITION OF decisions FOR VALUES FROM ('{low}') TO ('{high}')"
            wait_briefly(connection, MAKING_WAITS_MS)
            connection.execute(text(statement))
            made.append(name)
    return made


def drop_partition(connection: Connection, name: str) -> None:
    """Drop a part with all that is in it. Raises `OperationalError` while a long reader is at the decisions."""
    wait_briefly(connection, DROPPING_WAITS_MS)
    connection.execute(text(f"DROP TABLE {name}"))


def wait_briefly(connection: Connection, timeout_ms: int) -> None:
    """Let the transaction give up a lock after this long.

    A change of the parts needs the whole table for a moment. While it waits for a long reader (`verify`, an export), every
    new decision waits behind it.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = '{timeout_ms}ms'"))


def partitions(connection: Connection) -> list[str]:
    """The names of the parts there are, in order."""
    return sorted(filter(is_partition, inspect(connection).get_table_names()))


def partitions_before(connection: Connection, month: datetime) -> list[str]:
    """The parts whose decisions were all made before this month began."""
    found = []
    for name in partitions(connection):
        place = _NAME.fullmatch(name)
        if place and datetime(int(place[1]), int(place[2]), 1, tzinfo=UTC) < month:
            found.append(name)
    return found


def _stray(connection: Connection, month: datetime) -> bool:
    """Whether the default part holds decisions of this month."""
    query = text(f"SELECT 1 FROM {_DEFAULT} WHERE decision_id >= :low AND decision_id < :high LIMIT 1")
    bounds = {"low": first_id(month), "high": first_id(month_of(month, 1))}
    return connection.scalar(query, bounds) is not None
