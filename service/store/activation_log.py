"""Deferred decisions put into effect: from then on they count, and what they claimed is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select, update

from service.errors import ActivationExpiredError
from service.record import DecisionRecord
from service.store.coupon_log import DEFERRED, OUT
from service.store.decision_log import read_record
from service.store.engine import insert_or_ignore, microseconds, moment
from service.store.tables import activations, coupons, draws, messages, standings


class Effect(NamedTuple):
    """Since when a decision is in effect, and whether it is only now."""

    since: datetime
    is_new: bool


def activate(
    engine: Engine, decision_id: str, *, wait: timedelta, confirm: timedelta, now: datetime
) -> Effect:
    """The decision's effect; again since the same moment for one that has it already, or never was deferred.

    One that repeated a draw puts the decision that drew into effect: it is its coupon that is used.

    wait: how long it may be activated; confirm: how long its message holds its place until it is heard of.
    Raises: `UnknownDecisionError`; `ActivationExpiredError` when its claims have lapsed.
    """
    record = read_record(engine, decision_id)
    if record.repeats is not None:
        return activate(engine, record.repeats, wait=wait, confirm=confirm, now=now)
    if record.request.activate == "now":
        return Effect(record.decided_at, is_new=False)
    with engine.begin() as connection:
        _move_version(connection, record)
        known = activated_at(connection, [decision_id]).get(decision_id)
        if known is not None:
            return Effect(known, is_new=False)
        if now >= record.decided_at + wait:
            raise ActivationExpiredError(
                f"decision {decision_id} was to be activated by {(record.decided_at + wait).isoformat()}; "
                "what it claimed is free again"
            )
        row = {"decision_id": decision_id, "activated_at": microseconds(now)}
        added = insert_or_ignore(engine, activations).values(row).returning(activations.c.decision_id)
        is_new = connection.scalar(added) is not None
        _hold_claims(connection, record, confirm)
    with engine.connect() as connection:
        return Effect(activated_at(connection, [decision_id])[decision_id], is_new)


def _move_version(connection: Connection, record: DecisionRecord) -> None:
    """Have a decision that is under way made again: by a clock ahead of ours it may have taken these claims as lapsed."""
    mine = update(standings).where(standings.c.customer_id == record.request.customer_id)
    connection.execute(mine.values(version=standings.c.version + 1))


def _hold_claims(connection: Connection, record: DecisionRecord, confirm: timedelta) -> None:
    """Let the claims lapse when those of any other decision do, no longer when the wait is over."""
    claims, identity = record.claims, record.decision_id
    if claims is None:
        return
    if claims.message is not None:
        lapses_at = microseconds(claims.message.message.due_at + confirm)
        held = update(messages).where(messages.c.decision_id == identity, messages.c.lapses_at.is_not(None))
        connection.execute(held.values(lapses_at=lapses_at))
    if claims.spend is not None:
        given = update(coupons).where(coupons.c.decision_id == identity, coupons.c.state == DEFERRED)
        if not connection.execute(given.values(state=OUT, lapses_at=coupons.c.expires_at)).rowcount:
            raise ActivationExpiredError(f"the coupon of decision {identity} was released")
    if claims.draw is not None:
        drawn = update(draws).where(draws.c.decision_id == identity)
        if not connection.execute(drawn.values(lapses_at=None)).rowcount:
            raise ActivationExpiredError(
                f"the draw of decision {identity} was freed, and may be another's by now"
            )


def activated_at(connection: Connection, decision_ids: Sequence[str]) -> dict[str, datetime]:
    """When each of these decisions was activated; those that were not are missing."""
    query = select(activations).where(activations.c.decision_id.in_(decision_ids))
    return {row.decision_id: moment(row.activated_at) for row in connection.execute(query)}
