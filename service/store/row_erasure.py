"""One customer's rows, table by table: what becomes of each when the customer is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Connection, Table, and_, bindparam, delete, or_, select, update

from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.standing import Standing
from service.store.engine import insert_or_ignore
from service.store.naming import Naming
from service.store.tables import coupons, decisions, idempotency_keys, outcomes, rank_events, standings

_AT_ONCE: Final = 500
_KEPT_OF_REQUEST: Final = frozenset({"journey", "decide", "eligible", "excluded", "activate"})


def ids_of(connection: Connection, customer_id: str) -> list[str]:
    """The ids of the customer's decisions."""
    mine = select(decisions.c.decision_id).where(decisions.c.customer_id == customer_id)
    return list(connection.scalars(mine))


def take_standing(connection: Connection, customer_id: str) -> int:
    """How many standings went. Until the transaction ends nobody claims for the customer, also where there was none."""
    place = insert_or_ignore(connection.engine, standings).values(customer_id=customer_id, version=0)
    placed = connection.scalar(place.returning(standings.c.customer_id))
    connection.execute(delete(standings).where(standings.c.customer_id == customer_id))
    return 0 if placed else 1


def rename(connection: Connection, table: Table, customer_id: str, pseudonym: str, **values: Any) -> int:
    """How many rows carry the pseudonym, and these values, now."""
    mine = update(table).where(table.c.customer_id == customer_id)
    return connection.execute(mine.values(customer_id=pseudonym, **values)).rowcount


def erase_decisions(connection: Connection, customer_id: str, pseudonym: str) -> list[str]:
    """The ids of the decisions that carry the pseudonym now."""
    own = update(decisions).where(decisions.c.decision_id == bindparam("own"))
    statement = own.values(customer_id=pseudonym, record=bindparam("content"))
    changed: list[str] = []
    while portion := connection.execute(
        select(decisions.c.decision_id, decisions.c.record)
        .where(decisions.c.customer_id == customer_id)
        .limit(_AT_ONCE)
    ).all():
        connection.execute(statement, [_anonymous_row(row, pseudonym) for row in portion])
        changed += [row.decision_id for row in portion]
    return changed


def _anonymous_row(row: Any, pseudonym: str) -> dict[str, Any]:
    record = anonymous(DecisionRecord.of_stored(row.record), pseudonym)
    return {"own": row.decision_id, "content": record.stored()}


def anonymous(record: DecisionRecord, pseudonym: str) -> DecisionRecord:
    """The record without what tells who it was about."""
    kept = {name: getattr(record.request, name) for name in _KEPT_OF_REQUEST}
    return replace(
        record,
        request=DecideRequest(customer_id=pseudonym, **kept),
        features="",
        time_zone="",
        standing=Standing(),
        claims=None,
        answer=_anonymous_answer(record.answer, pseudonym),
    )


def _anonymous_answer(answer: str, pseudonym: str) -> str:
    said = json.loads(answer)
    said["customer_id"] = pseudonym
    said["reasons"] = []
    if said.get("coupon"):
        said["coupon"] = {**said["coupon"], "code": None, "token": None}
    return json.dumps(said)


def erase_outcomes(connection: Connection, identities: Sequence[str], naming: Naming, pseudonym: str) -> int:
    """Rename the facts whose id names the customer; the others keep theirs, which tells a fact that is sent twice."""
    named = []
    for part in _portions(identities):
        query = select(outcomes.c.event_id).where(outcomes.c.decision_id.in_(part))
        named += [event_id for event_id in connection.scalars(query) if naming.in_text(event_id)]
    for number, event_id in enumerate(sorted(named)):
        own = update(outcomes).where(outcomes.c.event_id == event_id)
        connection.execute(own.values(event_id=f"{pseudonym}-{number}"))
    return len(named)


def erase_keys(connection: Connection, identities: Sequence[str], naming: Naming, since: int) -> int:
    """Drop the keys that stand for these decisions, and those claimed since that name the customer by text or answer.

    A key of somebody else's decision stays, whatever words are in it: without it a retry would decide a second time.
    """
    keys = idempotency_keys.c
    wide = or_(
        naming.may_be_in_text(keys.key),
        and_(keys.content.is_not(None), naming.may_be_in_json(keys.content, connection.dialect.name)),
    )
    named = set()
    unbound = select(idempotency_keys).where(keys.claimed_at >= since, keys.decision_id.is_(None), wide)
    for row in connection.execute(unbound):
        if naming.in_text(row.key) or (row.content and naming.in_json(row.content)):
            named.add((row.scope, row.key))
    for part in _portions(identities):
        mine = select(keys.scope, keys.key).where(keys.decision_id.in_(part))
        named |= {(row.scope, row.key) for row in connection.execute(mine)}
    for scope, key in sorted(named):
        connection.execute(delete(idempotency_keys).where(keys.scope == scope, keys.key == key))
    return len(named)


def erase_coupons(connection: Connection, customer_id: str, pseudonym: str) -> int:
    """Keep what budgets count; the code, which the customer has in hand, can no longer be redeemed."""
    mine = select(coupons.c.decision_id).where(coupons.c.customer_id == customer_id)
    found = sorted(connection.scalars(mine.with_for_update()))
    for number, identity in enumerate(found):
        code = f"x{pseudonym[-10:]}{number:08x}"  # as unique as a code has to be, and none
        own = update(coupons).where(coupons.c.decision_id == identity)
        connection.execute(own.values(customer_id=pseudonym, code=code, order_id=None))
    return len(found)


def rankings_of(connection: Connection, naming: Naming) -> Iterator[Any]:
    """The rank events that name the customer: as a word of the event's id, or as a text or name among its features."""
    events = rank_events.c
    wide = or_(
        naming.may_be_in_text(events.event_id),
        naming.may_be_in_json(events.request, connection.dialect.name),
    )
    for row in connection.execute(select(rank_events).where(wide)).mappings().all():
        if naming.in_text(row["event_id"]) or naming.is_in_json(row["request"]):
            yield row


def erase_rankings(connection: Connection, naming: Naming) -> int:
    """How many rank events went; what their models learnt of them stays, a reward that comes yet is a 404."""
    found = sorted((row["loop"], row["event_id"]) for row in rankings_of(connection, naming))
    for loop, event_id in found:
        own = (rank_events.c.loop == loop, rank_events.c.event_id == event_id)
        connection.execute(delete(rank_events).where(*own))
    return len(found)


def _portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
