"""What was told of one customer: finding all of it, and deleting it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, delete, or_, select

from service.store.naming import Naming
from service.store.tables import events, events_aside, identities, stale_features, traits

_AT_ONCE: Final = 500


def told_of(table: Table, customer_id: str) -> ColumnElement[bool]:
    """Rows told of the customer: by their id, or by an anonymous id that is theirs and nobody else's by then."""
    theirs = select(identities.c.anonymous_id).where(identities.c.customer_id == customer_id)
    return or_(
        table.c.customer_id == customer_id,
        and_(table.c.customer_id.is_(None), table.c.anonymous_id.in_(theirs)),
    )


def events_of(connection: Connection, customer_id: str) -> Iterator[RowMapping]:
    """The rows of `events` told of the customer, in the order of their ids."""
    query = select(events).where(told_of(events, customer_id)).order_by(events.c.message_id)
    yield from connection.execute(query).mappings()


def asides_of(connection: Connection, naming: Naming) -> Iterator[RowMapping]:
    """The rows of `events_aside` told of the customer, and those whose message has the id as a text or name anywhere.

    What was kept aside may have the id where it does not belong.
    """
    mine = told_of(events_aside, naming.customer_id)
    wide = naming.may_be_in_json(events_aside.c.content, connection.dialect.name)
    found = {
        row["message_id"]: row for row in connection.execute(select(events_aside).where(mine)).mappings()
    }
    for row in connection.execute(select(events_aside).where(wide)).mappings():
        if naming.is_in_json(row["content"]):
            found[row["message_id"]] = row
    yield from (found[message_id] for message_id in sorted(found))


def erase_events(connection: Connection, naming: Naming) -> dict[str, int]:
    """How many rows went of each table: everything told of the customer, their traits and anonymous ids,
    and the notes that their features are out of date."""
    who = naming.customer_id
    aside = [row["message_id"] for row in asides_of(connection, naming)]
    for start in range(0, len(aside), _AT_ONCE):
        part = events_aside.c.message_id.in_(aside[start : start + _AT_ONCE])
        connection.execute(delete(events_aside).where(part))
    mine = or_(
        told_of(events, who), events.c.anonymous_id == who
    )  # an alias may have made it somebody else's
    joined = or_(identities.c.customer_id == who, identities.c.anonymous_id == who)
    out_of_date = delete(stale_features).where(stale_features.c.customer_id == who)
    return {
        stale_features.name: connection.execute(out_of_date).rowcount,
        events_aside.name: len(aside),
        events.name: connection.execute(delete(events).where(mine)).rowcount,
        traits.name: connection.execute(delete(traits).where(traits.c.customer_id == who)).rowcount,
        identities.name: connection.execute(delete(identities).where(joined)).rowcount,
    }
