"""Deferred decisions put into effect: from then on they count, and what they claimed is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select, update

from service.errors import ActivationExpiredError
from service.record import DecisionRecord
from service.standing import ActivationClaim
from service.store.decision_log import read_record
from service.store.effect import take_effect
from service.store.engine import moment
from service.store.tables import activations, standings


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
        is_new = take_effect(engine, connection, _claim(record, confirm=confirm, now=now))
    with engine.connect() as connection:
        return Effect(activated_at(connection, [decision_id])[decision_id], is_new)


def _move_version(connection: Connection, record: DecisionRecord) -> None:
    """Have a decision that is under way made again: by a clock ahead of ours it may have taken these claims as lapsed."""
    mine = update(standings).where(standings.c.customer_id == record.request.customer_id)
    connection.execute(mine.values(version=standings.c.version + 1))


def _claim(record: DecisionRecord, *, confirm: timedelta, now: datetime) -> ActivationClaim:
    claims = record.claims
    return ActivationClaim(
        decision_id=record.decision_id,
        activated_at=now,
        confirm_within_hours=confirm / timedelta(hours=1),
        coupon=claims is not None and claims.spend is not None,
        draw=claims is not None and claims.draw is not None,
    )


def activated_at(connection: Connection, decision_ids: Sequence[str]) -> dict[str, datetime]:
    """When each of these decisions was activated; those that were not are missing."""
    query = select(activations).where(activations.c.decision_id.in_(decision_ids))
    return {row.decision_id: moment(row.activated_at) for row in connection.execute(query)}
