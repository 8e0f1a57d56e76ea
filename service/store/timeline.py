"""What was told of a customer: traits, anonymous ids, and events a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from service.errors import InvalidRequestError
from service.store.tables import events, identities, traits

_BETWEEN = "~"
_MOST_DIGITS = 17


@dataclass(frozen=True)
class Cursor:
    """The place of an event in a timeline: what comes after it, newest first, is the next page."""

    occurred_at: int
    message_id: str

    def __str__(self) -> str:
        return f"{self.occurred_at}{_BETWEEN}{self.message_id}"


def parse_cursor(text: str) -> Cursor:
    """The place that an earlier page named. Raises `InvalidRequestError`."""
    at, between, message_id = text.partition(_BETWEEN)
    if not (between and at.isascii() and at.isdigit() and len(at) <= _MOST_DIGITS):
        raise InvalidRequestError.of("before", "wanted `next_before` of an earlier page")
    return Cursor(int(at), message_id)


def read_timeline(
    connection: Connection, customer_id: str, *, before: Cursor | None, limit: int
) -> Sequence[Row[Any]]:
    """At most so many events of the customer, the newest first."""
    found: list[Row[Any]] = []
    dialect = connection.dialect.name
    for mine in told_of(customer_id):
        found += connection.execute(_page(select(events).where(mine), dialect, before, limit)).all()
    return sorted(found, key=lambda row: (row.occurred_at, row.message_id), reverse=True)[:limit]


def told_of(customer_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Which events are the customer's: their own, and those under their anonymous ids that nobody owns yet.

    To be asked for apart, so that either query walks an index.
    """
    theirs = select(identities.c.anonymous_id).where(identities.c.customer_id == customer_id)
    nobodys = and_(events.c.customer_id.is_(None), events.c.anonymous_id.in_(theirs))
    return events.c.customer_id == customer_id, nobodys


def _page(query: Select[Any], dialect: str, before: Cursor | None, limit: int) -> Select[Any]:
    at: ColumnElement[int] = events.c.occurred_at
    name: ColumnElement[str] = events.c.message_id
    if dialect == "postgresql":
        name = name.collate("C")  # as SQLite and Python order texts, whatever the database's own order is
    if before is not None:
        at_once = and_(at == before.occurred_at, name < before.message_id)
        query = query.where(or_(at < before.occurred_at, at_once))
    return query.order_by(at.desc(), name.desc()).limit(limit)


def read_traits(connection: Connection, customer_id: str) -> Sequence[Row[Any]]:
    """The customer's traits by name, those that were taken back too."""
    mine = traits.c.customer_id == customer_id
    return connection.execute(select(traits).where(mine).order_by(traits.c.name)).all()


def read_anonymous_ids(connection: Connection, customer_id: str) -> tuple[str, ...]:
    """The anonymous ids that the customer was last identified by."""
    mine = identities.c.customer_id == customer_id
    query = select(identities.c.anonymous_id).where(mine).order_by(identities.c.anonymous_id)
    return tuple(connection.scalars(query))
