"""Letting go of what is old: whole months of decisions with all that hangs on them, then the snapshots that nobody names.

Nothing is let go that is still needed: a month stays, and so do all later ones, while a round of it is open, an outcome of
it unlearnt or a coupon of it may still be used. A snapshot stays while a kept decision names it, and the newest does.
Events go with the month in which they were received, as do notes of features out of date that nobody attended to; traits
and anonymous ids stay until their customer is forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, func, or_, select

from models.complements import KIND as COMPLEMENTS
from models.packing import unpack
from models.reward import State
from service.store.artifact_store import newest_snapshot
from service.store.engine import microseconds
from service.store.partition import drop_partition, first_id, month_of, partitions_before
from service.store.tables import (
    activations,
    artifacts,
    champions,
    coupons,
    decisions,
    draws,
    events,
    events_aside,
    messages,
    outcomes,
    rank_events,
    rewards,
    shadow_scores,
    snapshots,
    stale_features,
)

OF_A_DECISION: Final = (outcomes, rewards, shadow_scores, messages, draws, activations, coupons)
"""The tables whose rows belong to a decision and go with it."""
OF_EVENTS: Final = (events, events_aside)
"""The tables whose rows go by the time they were received."""
_AT_ONCE: Final = 1_000
_UNUSED: Final = ("deferred", "out")
_VERSIONS = re.compile(rb'"versions":(\{[^}]*\})')


@dataclass(frozen=True)
class Plan:
    """What goes: everything of decisions made before `month`, and these snapshots and artifacts.

    rows by table; parts: PostgreSQL's, dropped whole; kept_by: what keeps more than was asked for, None where nothing does.
    """

    month: datetime
    rows: dict[str, int]
    parts: tuple[str, ...]
    snapshots: tuple[int, ...]
    artifacts: tuple[str, ...]
    kept_by: str | None


def plan_retention(connection: Connection, before: datetime) -> Plan:
    """What can go of the decisions made before this moment; only months that had ended by then."""
    month, kept_by = month_of(before), None
    for reason, oldest in _needed(connection):
        if oldest is not None and oldest < first_id(month):
            month, kept_by = month_of(_made_at(oldest)), reason
    rows = {
        table.name: int(connection.scalar(select(func.count()).where(_goes(table, month))) or 0)
        for table in (decisions, *OF_A_DECISION)
    }
    ranked = select(func.count()).where(_ranked(month))
    rows[rank_events.name] = int(connection.scalar(ranked) or 0)
    for table in OF_EVENTS:
        old = select(func.count()).where(table.c.received_at < microseconds(month))
        rows[table.name] = int(connection.scalar(old) or 0)
    forgone = select(func.count()).where(stale_features.c.due_at < microseconds(month))
    rows[stale_features.name] = int(connection.scalar(forgone) or 0)
    numbers, digests = _unnamed(connection, month)
    parts = tuple(partitions_before(connection, month))
    return Plan(month, rows, parts, tuple(numbers), tuple(digests), kept_by)


def carry_out(engine: Engine, plan: Plan) -> None:
    """Let go of what the plan says, in portions; what a crash leaves over goes the next time.

    Raises: `OperationalError` while a long reader is at the decisions; the rest goes the next time.
    The decisions go first: a row without its decision is read by nobody, a decision without its rewards would be.
    """
    for part in plan.parts:
        with engine.begin() as connection:
            drop_partition(connection, part)
    for table in (decisions, *OF_A_DECISION):
        _delete_in_portions(engine, table.c.decision_id, _goes(table, plan.month))
    _delete_in_portions(engine, rank_events.c.event_id, _ranked(plan.month))
    for table in OF_EVENTS:
        _delete_in_portions(engine, table.c.message_id, table.c.received_at < microseconds(plan.month))
    _delete_in_portions(engine, stale_features.c.id, stale_features.c.due_at < microseconds(plan.month))
    with engine.begin() as connection:
        for numbers in _portions(plan.snapshots):
            connection.execute(delete(snapshots).where(snapshots.c.snapshot.in_(numbers)))
    with engine.begin() as connection:
        for digests in _portions(plan.artifacts):
            connection.execute(delete(artifacts).where(artifacts.c.digest.in_(digests)))


def _needed(connection: Connection) -> Iterator[tuple[str, str | None]]:
    """The oldest decision that is still needed, for each reason."""
    wanted: tuple[tuple[str, Table, ColumnElement[bool]], ...] = (
        ("a round that is open", rewards, rewards.c.state == State.OPEN),
        ("an outcome that is not learnt yet", outcomes, outcomes.c.snapshot.is_(None)),
        ("a coupon that may still be used", coupons, coupons.c.state.in_(_UNUSED)),
    )
    for reason, table, condition in wanted:
        yield reason, connection.scalar(select(func.min(table.c.decision_id)).where(condition))


def _made_at(decision_id: str) -> datetime:
    """The moment in a decision's id."""
    unix_ms = int(decision_id.replace("-", "")[:12], 16)
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def _goes(table: Table, month: datetime) -> ColumnElement[bool]:
    return table.c.decision_id < first_id(month)


def _unnamed(connection: Connection, month: datetime) -> tuple[list[int], list[str]]:
    """Numbers of the snapshots made before the month that no kept decision names, and digests that only they named.

    Besides those of complements that are not the champion any more: no decision is made from them.
    """
    named = _versions_of_kept(connection, month)
    newest = newest_snapshot(connection)
    gone, kept_digests = [], set(named)
    former = select(artifacts.c.digest).where(artifacts.c.kind == COMPLEMENTS)
    gone_digests = set(connection.scalars(former))
    for row in connection.execute(select(snapshots)).mappings():
        digests = {*json.loads(row["champions"]).values(), *json.loads(row["policies"]).values()}
        is_old = row["created_at"] < microseconds(month)
        if is_old and str(row["snapshot"]) not in named and newest and row["snapshot"] != newest.number:
            gone.append(row["snapshot"])
            gone_digests |= digests
        else:
            kept_digests |= digests
    kept_digests |= set(connection.scalars(select(champions.c.digest)))
    return sorted(gone), sorted(gone_digests - kept_digests)


def _versions_of_kept(connection: Connection, month: datetime) -> set[str]:
    """Every version that a kept decision names: digests and snapshots' numbers."""
    kept = select(decisions.c.record).where(decisions.c.decision_id >= first_id(month))
    query = kept.execution_options(stream_results=True, yield_per=_AT_ONCE)
    named: set[str] = set()
    seen: set[bytes] = set()
    for record in connection.scalars(query):
        found = _VERSIONS.search(unpack(record))
        if found and found[1] not in seen:
            seen.add(found[1])
            named |= set(json.loads(found[1]).values())
    return named


def _ranked(month: datetime) -> ColumnElement[bool]:
    """The rank events made before the month that are learnt, or were never activated."""
    known = or_(rank_events.c.learnt.is_not(None), rank_events.c.activated_at.is_(None))
    return and_(rank_events.c.ranked_at < microseconds(month), known)


def _delete_in_portions(engine: Engine, key: ColumnElement[Any], condition: ColumnElement[bool]) -> None:
    """Delete the rows, a transaction a portion, so that no writer waits for long; `key`: the column that tells them."""
    portion = select(key).where(condition).limit(_AT_ONCE).scalar_subquery()
    while True:
        with engine.begin() as connection:
            if connection.execute(delete(key.table).where(condition, key.in_(portion))).rowcount == 0:
                return


def _portions(values: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
