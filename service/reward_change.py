"""Which rewards became known or changed: outcomes and the clock against what the learner noted before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection, select

from models.reward import Outcome, Resolution, RewardSpec, State, resolve
from service.decision_point import DecisionPoint
from service.record import DecisionRecord, Round
from service.schemas import Group
from service.store.activation_log import activated_at
from service.store.outcome_log import outcomes_of
from service.store.tables import decisions, rewards

PART = 500
_NOTHING = Resolution(State.PENDING)
_logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Change:
    """One round, what was known of its reward and what is known now.

    silent: its reward while nothing came back, less its cost.
    """

    decision_id: str
    journey: str
    group: Group
    decided_at: datetime
    effective_at: datetime
    round: Round
    silent: float
    before: Resolution
    after: Resolution


def find_changes(
    connection: Connection, points: Mapping[str, DecisionPoint], decision_ids: Sequence[str], now: datetime
) -> Iterator[Change]:
    """The rounds of these decisions whose reward is another than was noted."""
    for part in _parts(decision_ids):
        facts, known = outcomes_of(connection, part), _known(connection, part)
        activated = activated_at(connection, part)
        for record in earning_records(connection, part):
            waiting = record.request.activate == "deferred" and record.decision_id not in activated
            for round_, spec in rewarded_rounds(record, points):
                noted = known[record.decision_id, round_.decision]
                if waiting:
                    found = _unused(record, points[record.request.journey], now)
                else:
                    found = _resolve(record, spec, facts[record.decision_id], now)
                if found != noted:
                    yield _change(record, round_, spec, noted, found)


def noted_changes(
    connection: Connection, points: Mapping[str, DecisionPoint], state: State
) -> Iterator[Change]:
    """Every round noted in this state, as a change from nothing, by decision: what a fold is built anew from."""
    query = select(rewards.c.decision_id).distinct().where(rewards.c.state == state)
    for part in _parts(list(connection.scalars(query.order_by(rewards.c.decision_id)))):
        known = _known(connection, part)
        for record in earning_records(connection, part):
            for round_, spec in rewarded_rounds(record, points):
                noted = known[record.decision_id, round_.decision]
                if noted.state is state:
                    yield _change(record, round_, spec, _NOTHING, noted)


def rewarded_rounds(
    record: DecisionRecord, points: Mapping[str, DecisionPoint]
) -> Iterator[tuple[Round, RewardSpec]]:
    """The record's rounds with how their reward is made; those that the journey no longer has are told of and left out."""
    point = points.get(record.request.journey)
    if point is None:
        _logger.warning("journey no longer declared", journey=record.request.journey)
        return
    for round_ in record.rounds:
        if getattr(point, round_.decision) is None:
            continue
        spec = point.reward(round_.decision).spec()
        if record.status == "hold" and round_.decision == "coupon":
            spec = replace(spec, delivery="assumed")  # nothing was sent, so nobody can report it
        yield round_, spec


def earning_records(connection: Connection, decision_ids: Sequence[str]) -> list[DecisionRecord]:
    """The records of these decisions that did something: only those earn rewards."""
    query = select(decisions.c.record).where(
        decisions.c.decision_id.in_(decision_ids), decisions.c.status.in_(("act", "hold"))
    )
    contents = connection.scalars(query.order_by(decisions.c.decision_id))
    return [DecisionRecord.of_stored(content) for content in contents]


def _resolve(record: DecisionRecord, spec: RewardSpec, facts: list[Outcome], now: datetime) -> Resolution:
    effective_at, channel = _effective_at(record, spec), record.chosen("channel")
    return resolve(spec, facts, effective_at=effective_at, now=now, channel=channel)


def _unused(record: DecisionRecord, point: DecisionPoint, now: datetime) -> Resolution:
    """A deferred decision that was not activated: not known yet, and once it no longer can be, never a reward."""
    over = now > record.decided_at + point.activation_wait
    return Resolution(State.VOID) if over else _NOTHING


def _effective_at(record: DecisionRecord, spec: RewardSpec) -> datetime:
    """When the message goes out; what is shown on the page that asked for the decision takes effect with it."""
    return record.decided_at if spec.delivery == "assumed" else record.effective_at


def _change(
    record: DecisionRecord, round_: Round, spec: RewardSpec, before: Resolution, after: Resolution
) -> Change:
    return Change(
        decision_id=record.decision_id,
        journey=record.request.journey,
        group=record.group,
        decided_at=record.decided_at,
        effective_at=_effective_at(record, spec),
        round=round_,
        silent=spec.reward_of((), record.chosen("channel")),
        before=before,
        after=after,
    )


def _known(connection: Connection, decision_ids: Sequence[str]) -> Mapping[tuple[str, str], Resolution]:
    known: dict[tuple[str, str], Resolution] = defaultdict(lambda: _NOTHING)
    query = select(rewards).where(rewards.c.decision_id.in_(decision_ids))
    for row in connection.execute(query).mappings():
        known[row["decision_id"], row["decision"]] = Resolution(State(row["state"]), row["reward"])
    return known


def _parts(decision_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(decision_ids), PART):
        yield decision_ids[start : start + PART]
