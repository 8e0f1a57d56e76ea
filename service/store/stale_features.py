"""Whose features are out of date: noted in the transaction of what made them so, let go of once newer ones are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, literal, select

from features.touched import EVERYTHING, pack_changes, touched_by
from service.events.told import Told
from service.store.engine import microseconds, moment
from service.store.tables import events, stale_features


class Cause(StrEnum):
    """Why features are out of date."""

    EVENT = "event"
    """Something was told of the customer: due at once."""
    WINDOW = "window"
    """An event leaves a window, or begins to count: due then."""
    BASE = "base"
    """The online store has rows that were not computed from the log, or none: all views are."""


@dataclass(frozen=True)
class Backlog:
    """How many notes of events wait, and since when the oldest does."""

    length: int
    oldest_at: datetime | None


def note_events(connection: Connection, told: Iterable[tuple[str, Told]], now: datetime) -> None:
    """Note that each owner's features are out of date: one row an owner, naming what changed."""
    changes: dict[str, frozenset[str]] = {}
    for owner, each in told:
        changed = touched_by(each.type, each.name)
        before = changes.get(owner, changed)
        changes[owner] = before | changed if before and changed else EVERYTHING
    at = microseconds(now)
    rows = [_row(owner, Cause.EVENT, at, pack_changes(changes[owner])) for owner in sorted(changes)]
    if rows:
        connection.execute(insert(stale_features), rows)


def take_stale(connection: Connection, cause: Cause, *, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """The oldest notes of the cause; of events all are due, whatever the clocks of two machines say."""
    mine = select(stale_features).where(stale_features.c.cause == cause)
    if cause is not Cause.EVENT:
        mine = mine.where(stale_features.c.due_at <= microseconds(now))
    return connection.execute(mine.order_by(stale_features.c.due_at, stale_features.c.id).limit(limit)).all()


def up_to_date(connection: Connection, customers: Sequence[str], as_of: datetime) -> set[str]:
    """Those of the customers all of whose views were computed from the log, and change by themselves after `as_of` only."""
    whose = stale_features.c.customer_id
    later = (stale_features.c.cause == Cause.WINDOW) & (stale_features.c.due_at > microseconds(as_of))
    return set(connection.scalars(select(whose).where(whose.in_(customers), later)))


def settle(
    connection: Connection,
    taken: Sequence[Row[Any]],
    due: Mapping[str, datetime],
    *,
    half_done: Set[str],
    now: datetime,
) -> list[str]:
    """Let go of the notes whose customers' rows are written, and note when each is due again: those half done now.

    Returns the customers who were forgotten meanwhile: their notes are gone, and so is all that was told of them.
    """
    ids, customers = [row.id for row in taken], sorted({row.customer_id for row in taken})
    mine = delete(stale_features).where(stale_features.c.id.in_(ids))
    left = set(connection.scalars(mine.returning(stale_features.c.customer_id)))
    gone = [each for each in customers if each not in left and not _told(connection, each)]
    again = stale_features.c.customer_id.in_(customers) & (stale_features.c.cause == Cause.WINDOW)
    connection.execute(delete(stale_features).where(again))
    rows = [_row(each, Cause.WINDOW, microseconds(at), "") for each, at in due.items() if each not in gone]
    rows += [_row(each, Cause.BASE, microseconds(now), "") for each in sorted(half_done - set(gone))]
    if rows:
        connection.execute(insert(stale_features), rows)
    return gone


def note_all_told(connection: Connection, received_from: datetime | None, now: datetime) -> int:
    """How many customers were noted: all of whom something was received then or later, or ever."""
    whose = select(events.c.customer_id).where(events.c.customer_id.is_not(None)).distinct()
    if received_from is not None:
        whose = whose.where(events.c.received_at >= microseconds(received_from))
    each = whose.subquery()
    row = select(
        each.c.customer_id, literal(Cause.BASE.value), literal(microseconds(now)).label("due_at"), literal("")
    )
    names = ["customer_id", "cause", "due_at", "changed"]
    return connection.execute(insert(stale_features).from_select(names, row)).rowcount


def read_backlog(connection: Connection) -> Backlog:
    """The notes of events that wait."""
    counted = select(func.count(), func.min(stale_features.c.due_at))
    length, oldest = connection.execute(counted.where(stale_features.c.cause == Cause.EVENT)).one()
    return Backlog(length, None if oldest is None else moment(oldest))


def _told(connection: Connection, customer_id: str) -> bool:
    return bool(connection.scalar(select(exists().where(events.c.customer_id == customer_id))))


def _row(customer_id: str, cause: Cause, due_at: int, changed: str) -> dict[str, Any]:
    return {"customer_id": customer_id, "cause": cause.value, "due_at": due_at, "changed": changed}
