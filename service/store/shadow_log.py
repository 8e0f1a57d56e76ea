"""What challengers made of logged decisions: how far each has looked, and what it said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, select, update

from service.decision_id import decision_id
from service.store.engine import insert_or_ignore, microseconds
from service.store.tables import decisions, shadow_progress, shadow_scores


@dataclass(frozen=True)
class ShadowScore:
    """A challenger's word on one decision.

    score: a scorer's score, or a policy's probability of the logged action; agreement: of a policy, the probability that its
    distribution and the logged one have in common, None of a scorer.
    """

    decision_id: str
    score: float
    agreement: float | None = None


def seen_until(connection: Connection, key: tuple[str, str]) -> str | None:
    """The id of the last decision that the challenger of this name and digest looked at; None of a new one."""
    return connection.scalar(select(shadow_progress.c.decision_id).where(_is(key)))


def begin(engine: Engine, key: tuple[str, str], now: datetime) -> None:
    """Note that the challenger begins with the decisions made from now on."""
    name, digest = key
    before = decision_id(microseconds(now) // 1000, bytes(10))
    row = {"name": name, "digest": digest, "decision_id": before, "started_at": microseconds(now)}
    with engine.begin() as connection:
        connection.execute(insert_or_ignore(engine, shadow_progress).values(row))


def records_after(
    connection: Connection, after: str, *, before: datetime, limit: int
) -> list[tuple[str, bytes]]:
    """Ids and records of the next decisions by id, made in a millisecond that ended before `before`.

    Ids are in order of time, so a decision that is committed late is not passed over while `before` lies far enough back.
    """
    made_before = microseconds(before) // 1000 * 1000
    query = (
        select(decisions.c.decision_id, decisions.c.record)
        .where(decisions.c.decision_id > after, decisions.c.decided_at < made_before)
        .order_by(decisions.c.decision_id)
        .limit(limit)
    )
    return [(row.decision_id, row.record) for row in connection.execute(query)]


def put_shadow_scores(
    engine: Engine, key: tuple[str, str], scores: Iterable[ShadowScore], *, until: str
) -> None:
    """Store what the challenger said, and that it has looked at every decision up to `until`, in one transaction."""
    name, digest = key
    rows = [{"name": name, "digest": digest, **vars(score)} for score in scores]
    with engine.begin() as connection:
        if rows:
            connection.execute(insert_or_ignore(engine, shadow_scores), rows)
        connection.execute(update(shadow_progress).where(_is(key)).values(decision_id=until))


def _is(key: tuple[str, str]) -> ColumnElement[bool]:
    return and_(shadow_progress.c.name == key[0], shadow_progress.c.digest == key[1])
