"""What was told of some customers, read out of the log for computing their features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, true

from features.told import ToldEvent, ToldTrait
from features.touched import has_rows
from service.store.engine import microseconds, moment
from service.store.tables import events, identities, traits

_LEFT: Final = "unsubscribed"


def read_events(
    connection: Connection, customers: Sequence[str], *, received_from: datetime | None
) -> list[ToldEvent]:
    """The events of the customers, also what is nobody's yet under an anonymous id of theirs.

    received_from: only what was received then or later; but who unsubscribed did, whenever they said so.
    """
    lately: ColumnElement[bool] = true()
    if received_from is not None:
        lately = or_(events.c.received_at >= microseconds(received_from), events.c.name == _LEFT)
    mine = select(events).where(events.c.customer_id.in_(customers), lately)
    told = [_event(row, row.customer_id) for row in connection.execute(mine)]
    joined = and_(events.c.anonymous_id == identities.c.anonymous_id, events.c.customer_id.is_(None))
    theirs = select(events, identities.c.customer_id.label("owner")).join_from(identities, events, joined)
    found = connection.execute(theirs.where(identities.c.customer_id.in_(customers), lately))
    return told + [_event(row, row.owner) for row in found]


def read_traits(connection: Connection, customers: Sequence[str]) -> list[ToldTrait]:
    """The latest of each trait that was said of the customers, those that were taken back too."""
    rows: Iterable[Row[Any]] = connection.execute(select(traits).where(traits.c.customer_id.in_(customers)))
    return [
        ToldTrait(
            customer_id=row.customer_id,
            name=row.name,
            value=from_json(row.value),
            told_at=moment(row.told_at),
        )
        for row in rows
    ]


def _event(row: Row[Any], owner: str) -> ToldEvent:
    """What an event says is read only where rows are made of it."""
    said = from_json(row.content).get("properties", {}) if has_rows(row.type, row.name) else {}
    return ToldEvent(
        message_id=row.message_id,
        customer_id=owner,
        type=row.type,
        name=row.name,
        occurred_at=moment(row.occurred_at),
        received_at=moment(row.received_at),
        properties=said,
    )
