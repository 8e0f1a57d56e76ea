"""One process that folds outcomes into the policies and publishes snapshots; web workers never learn.

A policy's state is its champion plus the sum over the rewards of closed rounds. Each step takes in the outcomes that no
snapshot has seen, the rounds that took effect and the windows that closed since the last one, and commits the new state, the
rewards and the marks on the outcomes in one transaction: after a crash nothing is learnt twice or lost. What is published
holds the open rounds besides, each as far as its answer could be here by now (`models.delay`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, Engine, select, update

from models.artifact import Artifact
from models.delay import DelayDistribution, ExpectedDelay, estimate_with_expected
from models.reward import State
from service.decision_point import DecisionPoint
from service.fold import Fold
from service.model_set import POLICY_NAMES
from service.open_rounds import SLOT, OpenRounds
from service.reward_change import Change, find_changes, noted_changes
from service.store.artifact_store import (
    Snapshot,
    get_artifact,
    newest_snapshot,
    put_artifact,
    put_snapshot,
    read_champions,
)
from service.store.delay_log import RoundsOfDecision, count_delays
from service.store.driver import Insert, insert_all
from service.store.engine import microseconds
from service.store.fold_store import get_folds, put_folds
from service.store.tables import activations, decisions, outcomes, rewards

LATE_COMMITS = timedelta(minutes=1)
EXPECTED_SHARE = 1 / 16
"""Of the window: the median delay that is expected before any answer was seen, 3 hours of 48."""
_PART = 500
_REWARD = Insert(
    rewards,
    ("decision_id", "decision", "state", "reward", "snapshot"),
    "ON CONFLICT (decision_id, decision)"
    " DO UPDATE SET state = excluded.state, reward = excluded.reward, snapshot = excluded.snapshot",
)
_AT_ONCE = 5_000
_DECISIONS = {name: decision for decision, name in POLICY_NAMES.items()}
_logger = structlog.get_logger()


Crossed = dict[tuple[str, timedelta, str], frozenset[str]]
"""Of a journey, the decisions since whose one moment or other (a column) so much time has passed lately."""


@dataclass
class Learner:
    """The fold from the log to snapshots."""

    engine: Engine
    points: dict[str, DecisionPoint]
    _scanned_until: datetime = field(default=datetime(1970, 1, 1, tzinfo=UTC), init=False)
    _open_rounds: OpenRounds | None = field(default=None, init=False)
    _looked_at: Crossed = field(default_factory=dict, init=False)
    _published: int | None = field(default=None, init=False)
    _delays: dict[tuple[str, str], tuple[datetime, DelayDistribution]] = field(
        default_factory=dict, init=False
    )

    def step(self, now: datetime) -> Snapshot | None:
        """Take in what is new; the snapshot published, or None when nothing changed or there are no champions yet."""
        open_rounds, self._open_rounds = self._open_rounds, None  # those of a failed step are not committed
        with self.engine.begin() as connection:
            snapshot, open_rounds, looked_at = self._step(connection, open_rounds, now)
        self._open_rounds, self._scanned_until, self._looked_at = open_rounds, now, looked_at
        if snapshot is not None:
            self._published = snapshot.number
        return snapshot

    def _step(
        self, connection: Connection, open_rounds: OpenRounds | None, now: datetime
    ) -> tuple[Snapshot | None, OpenRounds | None, Crossed]:
        previous, starts = newest_snapshot(connection), _starts(connection)
        if starts is None:
            return None, None, {}
        if previous is not None and previous.number != self._published:
            open_rounds = None  # another process learnt since, so what this one remembers is no longer so
        since = max(self._scanned_until, previous.scanned_until) if previous else self._scanned_until
        news = self._news(connection, since, now)
        if open_rounds is None:  # a window may have been shortened since they were noted
            news = news._replace(decision_ids=list({*news.decision_ids, *_open_ids(connection)}))
        changes = list(find_changes(connection, self.points, news.decision_ids, now))
        moved = previous is None or previous.champions != starts
        if not (moved or news.event_ids or changes or _grown_older(previous, open_rounds, now)):
            return None, open_rounds, news.crossed
        fold = self._fold(connection, previous, starts, open_rounds)
        if fold.open_rounds is None:
            fold.open_rounds = OpenRounds()
            fold.apply(noted_changes(connection, self.points, State.OPEN))
        fold.apply(changes)
        self._look_at_delays(connection, fold, now)
        policies = fold.published(now, {key: found for key, (_, found) in self._delays.items()})
        number = previous.number + 1 if previous else 1
        # on SQLite nobody else writes from here on: what takes long lies before
        self._mark(connection, number, news.event_ids, changes)
        put_folds(self.engine, connection, fold.artifacts())
        digests = {name: put_artifact(self.engine, connection, each) for name, each in policies.items()}
        snapshot = Snapshot(number, now, now, starts, digests)
        put_snapshot(connection, snapshot)
        _logger.info(
            "snapshot", number=number, outcomes=len(news.event_ids), rewards=len(changes), moved=moved
        )
        return snapshot, fold.open_rounds, news.crossed

    def _news(self, connection: Connection, since: datetime, now: datetime) -> News:
        """New outcomes' ids, and the decisions that they, taking effect or the closing of a window may have changed.

        What was decided in time may be committed late, so the last minute before is asked about again; what the last step
        looked at then is left out.
        """
        fresh = select(outcomes.c.event_id, outcomes.c.decision_id).where(outcomes.c.snapshot.is_(None))
        rows = connection.execute(fresh.order_by(outcomes.c.received_at).limit(_AT_ONCE)).all()
        touched = dict.fromkeys(row.decision_id for row in rows)
        recent = activations.c.activated_at >= microseconds(since - LATE_COMMITS)
        touched |= dict.fromkeys(connection.scalars(select(activations.c.decision_id).where(recent)))
        crossed: Crossed = {}
        for journey, point in self.points.items():
            windows = {timedelta(hours=point.reward(name).window_hours) for name in point.decisions}
            for passed in sorted({timedelta(0), point.activation_wait, *windows}):
                for began in (decisions.c.effective_at, decisions.c.decided_at):
                    query = select(decisions.c.decision_id).where(
                        decisions.c.journey == journey,
                        began >= microseconds(since - LATE_COMMITS - passed),
                        began < microseconds(now - passed),
                    )
                    crossing = (journey, passed, began.name)
                    known = self._looked_at.get(crossing, frozenset())
                    found = list(connection.scalars(query))
                    touched |= dict.fromkeys([each for each in found if each not in known])
                    crossed[crossing] = frozenset(found)
        if now - since > LATE_COMMITS:
            crossed = {}  # the next step asks about little of it, and it may be the whole log
        return News([row.event_id for row in rows], list(touched), crossed)

    def _fold(
        self,
        connection: Connection,
        previous: Snapshot | None,
        starts: dict[str, str],
        open_rounds: OpenRounds | None,
    ) -> Fold:
        """The policies to go on from; one that just became champion is brought up to date with every round closed so far.

        The others keep what they have learnt, be it of rounds that are no longer in the log. A policy that was fitted on the
        log says until when (`learned_until`); what was decided before is in it already.
        """
        known = previous.champions if previous else {}
        kept = tuple(name for name, digest in starts.items() if known.get(name) == digest)
        if len(kept) == len(starts):
            return Fold.of(get_folds(connection, kept), open_rounds)
        moved = {name: get_artifact(self.engine, starts[name]) for name in starts if name not in kept}
        fold = Fold.of({**get_folds(connection, kept), **moved}, None)
        closed = noted_changes(connection, self.points, State.RESOLVED)
        while part := list(islice(closed, _AT_ONCE)):
            fold.apply(change for change in part if _is_to_learn(change, moved))
        return fold

    def _look_at_delays(self, connection: Connection, fold: Fold, now: datetime) -> None:
        """Estimate them anew where that was long ago, from the rounds that were noted until the step before."""
        for key in fold.open_rounds.journeys() if fold.open_rounds else ():
            known = self._delays.get(key)
            if known is None or now - known[0] >= SLOT:
                self._delays[key] = now, self._estimate(connection, *key, now)

    def _estimate(
        self, connection: Connection, policy: str, journey: str, now: datetime
    ) -> DelayDistribution:
        decision = _DECISIONS[policy]
        spec = self.points[journey].reward(decision).spec()
        rounds = RoundsOfDecision(journey, decision, spec)
        delays, ages, counts = count_delays(connection, rounds, now)
        expected = ExpectedDelay(median_hours=EXPECTED_SHARE * spec.window_hours)
        return estimate_with_expected(delays, ages, counts, window_hours=spec.window_hours, expected=expected)

    def _mark(
        self, connection: Connection, number: int, event_ids: Sequence[str], changes: Sequence[Change]
    ) -> None:
        for start in range(0, len(event_ids), _PART):
            part = event_ids[start : start + _PART]
            connection.execute(update(outcomes).where(outcomes.c.event_id.in_(part)).values(snapshot=number))
        rows = [
            {
                "decision_id": change.decision_id,
                "decision": change.round.decision,
                "state": change.after.state.value,
                "reward": change.after.reward,
                "snapshot": number,
            }
            for change in changes
        ]
        insert_all(connection, {_REWARD: rows})


class News(NamedTuple):
    """What a step has to look at."""

    event_ids: list[str]
    decision_ids: list[str]
    crossed: Crossed


def _starts(connection: Connection) -> dict[str, str] | None:
    """The policies' champions, by name; None before there is one of each."""
    champions = {name: digest for name, (digest, _) in read_champions(connection).items()}
    if not set(_DECISIONS) <= champions.keys():
        return None
    return {name: champions[name] for name in _DECISIONS}


def _grown_older(previous: Snapshot | None, open_rounds: OpenRounds | None, now: datetime) -> bool:
    """Whether open rounds, or rounds not looked at since the start, have been open long enough to say more by silence."""
    some = open_rounds is None or len(open_rounds) > 0
    return some and previous is not None and now - previous.created_at >= SLOT


def _is_to_learn(change: Change, moved: dict[str, Artifact]) -> bool:
    """Whether the policy that this round teaches just became champion and was not fitted on it."""
    name = POLICY_NAMES.get(change.round.decision)
    if name is None or name not in moved:
        return False
    until = moved[name].manifest.get("learned_until")
    return until is None or change.decided_at >= datetime.fromisoformat(until)


def _open_ids(connection: Connection) -> list[str]:
    """The decisions that have a round noted as open."""
    query = select(rewards.c.decision_id).where(rewards.c.state == State.OPEN)
    return list(connection.scalars(query.distinct()))
