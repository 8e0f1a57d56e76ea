"""What was kept aside of events: reading it, and giving it a newer reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from service.events.told import Aside
from service.store.tables import events_aside


def read_aside(connection: Connection, *, after: str, limit: int) -> Sequence[Row[Any]]:
    """The rows whose ids follow, in order of their ids."""
    later = events_aside.c.message_id > after
    query = select(events_aside).where(later).order_by(events_aside.c.message_id)
    return connection.execute(query.limit(limit)).all()


def newest_aside(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """The rows received last, the newest first."""
    newest = select(events_aside).order_by(events_aside.c.received_at.desc(), events_aside.c.message_id)
    return connection.execute(newest.limit(limit)).all()


def count_aside(connection: Connection) -> Sequence[Row[Any]]:
    """`messages` by `name`, `field` and `fault`, the most frequent first."""
    what = (events_aside.c.name, events_aside.c.field, events_aside.c.fault)
    counted = func.count().label("messages")
    query = select(*what, counted).group_by(*what).order_by(counted.desc(), *what)
    return connection.execute(query).all()


def give_reason(engine: Engine, aside: Aside) -> None:
    """Store why the message is kept aside now."""
    mine = update(events_aside).where(events_aside.c.message_id == aside.message_id)
    with engine.begin() as connection:
        connection.execute(mine.values(field=aside.field, fault=aside.fault))
