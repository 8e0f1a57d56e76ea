"""Taking in events: each message once, whose they are, and what the customer is said to be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from service.events.told import Aside, Told, to_json
from service.store.deadlock import unless_deadlocked
from service.store.engine import insert_into, insert_or_ignore, microseconds
from service.store.stale_features import note_events
from service.store.tables import events, events_aside, identities, traits


def record_events(
    engine: Engine, told: Sequence[Told], aside: Sequence[Aside], *, received_at: datetime
) -> set[str]:
    """The ids of the messages that are new; all is committed at once, with who was identified, what was said and whose
    features are out of date now.

    A message that is known already changes nothing, whatever is in it.
    """

    def work(connection: Connection) -> set[str]:
        owners = _owners(connection, {e.anonymous_id for e in told if e.anonymous_id and not e.customer_id})
        new = _add(connection, told, owners, received_at)
        joined = _join(connection, [each for each in new if each.joins])
        owned = [(owner, each) for each in new if (owner := _owner(each, owners))]
        note_events(connection, [*owned, *joined], received_at)
        _tell_traits(connection, new, owners)
        known_by = sorted(each.message_id for each in told)
        if known_by:
            connection.execute(delete(events_aside).where(events_aside.c.message_id.in_(known_by)))
        _set_aside(connection, aside, received_at)
        return {each.message_id for each in new}

    return unless_deadlocked(engine, work)


def _add(
    connection: Connection, told: Sequence[Told], owners: Mapping[str, str], received_at: datetime
) -> list[Told]:
    """The messages that were not in the log, in their order; of several with one id the first."""
    first = {each.message_id: each for each in reversed(told)}
    if not first:
        return []
    rows = [
        {
            "message_id": each.message_id,
            "customer_id": _owner(each, owners),
            "anonymous_id": each.anonymous_id,
            "type": each.type,
            "name": each.name,
            "occurred_at": microseconds(each.occurred_at),
            "received_at": microseconds(received_at),
            "content": to_json(each.content),
        }
        for _, each in sorted(
            first.items()
        )  # in one order in every transaction, so that none waits in a circle
    ]
    statement = insert_or_ignore(connection.engine, events).returning(events.c.message_id)
    added = set(connection.scalars(statement, rows))
    return [each for each in told if each.message_id in added and first[each.message_id] is each]


def _owner(told: Told, owners: Mapping[str, str]) -> str | None:
    return told.customer_id or owners.get(told.anonymous_id or "")


def _owners(connection: Connection, anonymous_ids: Iterable[str]) -> dict[str, str]:
    """Who the anonymous ids were identified as, of those that were."""
    wanted = identities.c.anonymous_id.in_(sorted(anonymous_ids))
    return {row.anonymous_id: row.customer_id for row in connection.execute(select(identities).where(wanted))}


def _join(connection: Connection, joining: Sequence[Told]) -> list[tuple[str, Told]]:
    """Make what was told under each anonymous id its customer's, unless it is somebody's already; who they are.

    The latest identification tells whose later events are.
    """
    adopted = []
    for each in sorted(joining, key=lambda one: (one.anonymous_id, one.occurred_at)):
        joined = insert_into(connection.engine, identities).values(
            anonymous_id=each.anonymous_id,
            customer_id=each.customer_id,
            joined_at=microseconds(each.occurred_at),
        )
        newer = {name: joined.excluded[name] for name in ("customer_id", "joined_at")}
        connection.execute(
            joined.on_conflict_do_update(
                index_elements=["anonymous_id"],
                set_=newer,
                where=identities.c.joined_at <= joined.excluded.joined_at,
            )
        )
        adopted.append((_adopt(connection, str(each.anonymous_id)), each))
    return adopted


def _adopt(connection: Connection, anonymous_id: str) -> str:
    """Give what nobody owns under the anonymous id, traits too, to who it is now: the customer returned."""
    owner = str(
        connection.scalar(select(identities.c.customer_id).where(identities.c.anonymous_id == anonymous_id))
    )
    nobodys = (events.c.anonymous_id == anonymous_id, events.c.customer_id.is_(None))
    said = select(events.c.content, events.c.occurred_at).where(*nobodys, events.c.type == "identify")
    rows = [
        _trait_row(owner, name, value, row.occurred_at)
        for row in connection.execute(said)
        for name, value in json.loads(row.content).get("traits", {}).items()
    ]
    _keep_newest(connection, rows)
    connection.execute(update(events).where(*nobodys).values(customer_id=owner))
    return owner


def _tell_traits(connection: Connection, told: Sequence[Told], owners: Mapping[str, str]) -> None:
    """Store what is said of customers; what is said of somebody unknown waits in the event until they are."""
    rows = [
        _trait_row(owner, name, value, microseconds(each.occurred_at))
        for each in told
        if (owner := _owner(each, owners))
        for name, value in each.traits.items()
    ]
    _keep_newest(connection, rows)


def _trait_row(customer_id: str, name: str, value: Any, told_at: int) -> dict[str, Any]:
    return {"customer_id": customer_id, "name": name, "value": to_json(value), "told_at": told_at}


def _keep_newest(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store each trait unless one that was so later is stored; of the same moment the one that came last counts."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        place = (row["customer_id"], row["name"])
        if place not in newest or newest[place]["told_at"] <= row["told_at"]:
            newest[place] = row
    if not newest:
        return
    told = insert_into(connection.engine, traits)
    statement = told.on_conflict_do_update(
        index_elements=["customer_id", "name"],
        set_={name: told.excluded[name] for name in ("value", "told_at")},
        where=traits.c.told_at <= told.excluded.told_at,
    )
    connection.execute(statement, [newest[place] for place in sorted(newest)])


def _set_aside(connection: Connection, aside: Sequence[Aside], received_at: datetime) -> None:
    """Keep what cannot be used; what was kept before under the same id stays as it is."""
    rows = [
        {
            "message_id": each.message_id,
            "customer_id": each.customer_id,
            "anonymous_id": each.anonymous_id,
            "name": each.name,
            "received_at": microseconds(received_at),
            "field": each.field,
            "fault": each.fault,
            "content": to_json(each.content),
        }
        for each in sorted(aside, key=lambda one: one.message_id)
    ]
    if rows:
        connection.execute(insert_or_ignore(connection.engine, events_aside), rows)
