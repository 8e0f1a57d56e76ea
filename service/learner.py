"""One process that folds outcomes into the policies and publishes snapshots; web workers never learn.

A policy's state is its champion plus the sum over resolved rewards. Each step takes in the outcomes that no snapshot has
seen and the reward windows that closed since the last one, and commits the new state, the rewards and the marks on the
outcomes in one transaction: after a crash nothing is learnt twice or lost.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from sqlalchemy import Connection, Engine, select, update

from models.catalogue import load_policy
from models.policy import Policy
from models.reward import Outcome, Resolution, State, resolve
from service.decision_point import DecisionName, DecisionPoint
from service.model_set import POLICY_NAMES
from service.record import DecisionRecord, Round
from service.store.artifact_store import (
    Snapshot,
    get_artifact,
    newest_snapshot,
    put_artifact,
    put_snapshot,
    read_champions,
)
from service.store.engine import microseconds, upsert
from service.store.outcome_log import outcomes_of
from service.store.tables import decisions, outcomes, rewards

BATCH = 5_000
LATE_COMMITS = timedelta(minutes=1)
_logger = structlog.get_logger()


@dataclass(frozen=True)
class Change:
    """One round whose reward became known or changed: None where there was, or is, nothing to learn."""

    decision_id: str
    round: Round
    before: float | None
    after: Resolution

    @property
    def learnt(self) -> float | None:
        """The reward to learn, None unless resolved."""
        return self.after.reward if self.after.state is State.RESOLVED else None


@dataclass
class Learner:
    """The fold from the log to snapshots."""

    engine: Engine
    points: dict[str, DecisionPoint]
    scanned_until: datetime = field(default=datetime(1970, 1, 1, tzinfo=UTC), init=False)

    def step(self, now: datetime) -> Snapshot | None:
        """Take in what is new; the snapshot published, or None when nothing changed or there are no champions yet."""
        with self.engine.begin() as connection:
            previous = newest_snapshot(connection)
            starts = {name: digest for name, (digest, _) in read_champions(connection).items()}
            if not set(POLICY_NAMES.values()) <= starts.keys():
                return None
            starts = {name: starts[name] for name in POLICY_NAMES.values()}
            since = max(self.scanned_until, previous.scanned_until) if previous else self.scanned_until
            event_ids, decision_ids = self._news(connection, since, now)
            changes = self._changes(connection, decision_ids, now)
            moved = previous is None or previous.champions != starts
            if not (moved or event_ids or changes):
                self.scanned_until = now
                return None
            number = previous.number + 1 if previous else 1
            digests = starts if moved or previous is None else previous.policies
            policies = {name: load_policy(get_artifact(self.engine, digests[name])) for name in digests}
            if moved:
                self._refold(connection, policies)
            _apply(policies, changes)
            self._mark(connection, number, event_ids, changes)
            stored = {
                name: put_artifact(self.engine, connection, p.to_artifact()) for name, p in policies.items()
            }
            snapshot = Snapshot(number, now, now, starts, stored)
            put_snapshot(connection, snapshot)
        _logger.info("snapshot", number=number, outcomes=len(event_ids), rewards=len(changes), moved=moved)
        return snapshot

    def _news(self, connection: Connection, since: datetime, now: datetime) -> tuple[list[str], list[str]]:
        """New outcomes' ids, and the decisions that they or the closing of a window may have resolved."""
        fresh = select(outcomes.c.event_id, outcomes.c.decision_id).where(outcomes.c.snapshot.is_(None))
        rows = connection.execute(fresh.order_by(outcomes.c.received_at).limit(BATCH)).all()
        touched = dict.fromkeys(row.decision_id for row in rows)
        for journey, point in self.points.items():
            for hours in sorted({point.reward(name).window_hours for name in point.decisions}):
                window = timedelta(hours=hours)
                closed = select(decisions.c.decision_id).where(
                    decisions.c.journey == journey,
                    decisions.c.effective_at >= microseconds(since - LATE_COMMITS - window),
                    decisions.c.effective_at < microseconds(now - window),
                )
                touched |= dict.fromkeys(connection.scalars(closed))
        return [row.event_id for row in rows], list(touched)

    def _changes(self, connection: Connection, decision_ids: list[str], now: datetime) -> list[Change]:
        found: list[Change] = []
        for start in range(0, len(decision_ids), 500):
            part = decision_ids[start : start + 500]
            facts = outcomes_of(connection, part)
            known = _known_rewards(connection, part)
            for record in _records(connection, part):
                before = known[record.decision_id]
                found += self._changes_of(record, facts[record.decision_id], before, now)
        return found

    def _changes_of(
        self, record: DecisionRecord, facts: list[Outcome], before: dict[str, Resolution], now: datetime
    ) -> list[Change]:
        point = self.points.get(record.request.journey)
        if point is None:
            _logger.warning("journey no longer declared", journey=record.request.journey)
            return []
        changes = []
        for round_ in record.rounds:
            if getattr(point, round_.decision) is None:
                continue
            spec = point.reward(round_.decision).spec()
            if record.status == "hold" and round_.decision == "coupon":
                spec = replace(spec, delivery="assumed")  # nothing was sent, so nobody can report it
            after = resolve(
                spec, facts, effective_at=record.effective_at, now=now, channel=record.chosen("channel")
            )
            old = before.get(round_.decision, Resolution(State.PENDING))
            if after != old:
                learnt = old.reward if old.state is State.RESOLVED else None
                changes.append(Change(record.decision_id, round_, learnt, after))
        return changes

    def _refold(self, connection: Connection, policies: dict[str, Policy]) -> None:
        """Bring policies that just became champions up to date with every reward resolved so far."""
        query = select(rewards).where(rewards.c.state == State.RESOLVED)
        rows = connection.execute(query.order_by(rewards.c.decision_id)).mappings().all()
        resolved = {(row["decision_id"], row["decision"]): row["reward"] for row in rows}
        ids = list(dict.fromkeys(row["decision_id"] for row in rows))
        for start in range(0, len(ids), 500):
            changes = [
                Change(record.decision_id, r, None, Resolution(State.RESOLVED, resolved[key]))
                for record in _records(connection, ids[start : start + 500])
                for r in record.rounds
                if (key := (record.decision_id, r.decision)) in resolved
            ]
            _apply(policies, changes)

    def _mark(self, connection: Connection, number: int, event_ids: list[str], changes: list[Change]) -> None:
        for start in range(0, len(event_ids), 500):
            part = event_ids[start : start + 500]
            connection.execute(update(outcomes).where(outcomes.c.event_id.in_(part)).values(snapshot=number))
        for change in changes:
            row = {
                "decision_id": change.decision_id,
                "decision": change.round.decision,
                "state": change.after.state.value,
                "reward": change.after.reward,
                "snapshot": number,
            }
            connection.execute(upsert(self.engine, rewards, row))


def _records(connection: Connection, decision_ids: list[str]) -> list[DecisionRecord]:
    """The records of these decisions that did something: only those earn rewards."""
    query = select(decisions.c.record).where(
        decisions.c.decision_id.in_(decision_ids), decisions.c.status.in_(("act", "hold"))
    )
    contents = connection.scalars(query.order_by(decisions.c.decision_id))
    return [DecisionRecord.model_validate_json(content) for content in contents]


def _known_rewards(connection: Connection, decision_ids: list[str]) -> dict[str, dict[str, Resolution]]:
    known: dict[str, dict[str, Resolution]] = defaultdict(dict)
    query = select(rewards).where(rewards.c.decision_id.in_(decision_ids))
    for row in connection.execute(query).mappings():
        known[row["decision_id"]][row["decision"]] = Resolution(State(row["state"]), row["reward"])
    return known


def _apply(policies: dict[str, Policy], changes: list[Change]) -> None:
    """Take back what was learnt before and learn what is known now, policy by policy."""
    by_decision: dict[DecisionName, list[Change]] = defaultdict(list)
    for change in changes:
        by_decision[change.round.decision].append(change)
    for decision, mine in by_decision.items():
        if (
            decision not in POLICY_NAMES
        ):  # a fixed split learns nothing; its rewards are there to be evaluated
            continue
        policy = policies[POLICY_NAMES[decision]]
        if not policy.learns_online:  # fitted in batches: it stays as registered until it is fitted anew
            continue
        fitting = [
            c for c in mine if c.round.inputs == policy.input_names and c.round.actions == policy.action_names
        ]
        if len(fitting) < len(mine):
            _logger.warning(
                "rounds of other inputs are not learnt", decision=decision, rounds=len(mine) - len(fitting)
            )
        back = [(change.round, change.before) for change in fitting if change.before is not None]
        new = [(change.round, change.learnt) for change in fitting if change.learnt is not None]
        if back:
            policy.unlearn_many(*_arrays(back))
        if new:
            policy.learn_many(*_arrays(new))


def _arrays(
    rounds: list[tuple[Round, float]],
) -> tuple[np.ndarray[tuple[int, int]], np.ndarray[tuple[int]], np.ndarray[tuple[int]]]:
    contexts = np.array([round_.context_array() for round_, _ in rounds])
    actions = np.array([round_.action for round_, _ in rounds])
    return contexts, actions, np.array([reward for _, reward in rounds])
