"""Rows of the decision log gathered into columns."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from models.feedback import FeedbackError, Floats, LoggedFeedback
from training.evaluation.errors import LogError
from training.evaluation.log_chunk import LogChunk
from training.evaluation.round_labels import RoundLabels
from training.evaluation.round_segments import RoundSegments

HOUR_US: Final = 3_600_000_000
"""Microseconds in an hour."""
KindOfRound = tuple[tuple[str, ...], tuple[str, ...]]
"""The names of a round's inputs and of its actions."""


@dataclass(frozen=True, kw_only=True)
class LogRow:
    """One decision and the reward of the choice to be judged; `state` and `reward` are None where the learner left none.

    `decided_at_us`: microseconds since 1970 UTC. `record`: JSON as the service logged it, or what of it was read already.
    """

    decision_id: str
    journey: str
    decided_at_us: int
    status: str
    group: str
    record: bytes | Mapping[str, Any]
    state: str | None
    reward: float | None


@dataclass(frozen=True, kw_only=True)
class RewardRule:
    """What a journey's rules say of the reward: clicks or net value in thousands, and when the last window closes.

    `closes_after_hours` counts from the decision, whatever hour was chosen to send at: the latest hour that could have been
    chosen, then the window. `declared` is the reward as the rules state it.
    """

    kind: str
    closes_after_hours: float
    declared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JudgeableRound:
    """A round as the service recorded it, what its journey's rules say of the reward, and whether it came to anything.

    One that was not delivered has no reward; it tells only how actions were chosen.
    """

    round: Mapping[str, Any]
    rule: RewardRule
    is_delivered: bool = True
    record: Mapping[str, Any] = field(default_factory=dict)
    """The whole of what was recorded of the decision."""

    @property
    def kind(self) -> KindOfRound:
        """Its inputs and actions."""
        return tuple(self.round["inputs"]), tuple(self.round["actions"])


class RoundBuffer:
    """Rounds of the same inputs and actions, column by column, eight bytes a number.

    n_by_journey counts by (journey, kind of reward) and declared holds each journey's rewards, over all rounds ever added.
    """

    def __init__(self, kind: KindOfRound, segments: RoundSegments | None = None) -> None:
        self.kind = kind
        self.segments = segments
        self.n_by_journey: Counter[tuple[str, str]] = Counter()
        self.declared: dict[str, list[Mapping[str, Any]]] = {}
        self.clear()

    def clear(self) -> None:
        """Drop the rounds, but not what was counted of them."""
        self.contexts = array("d")
        self.probabilities = array("d")
        self.eligible = array("b")
        self.actions = array("q")
        self.rewards = array("d")
        self.propensities = array("d")
        self.decided_at_us = array("q")
        self.journeys: list[str] = []
        self.groups: list[str] = []
        self.memberships: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self.rewards)

    def add(self, row: LogRow, found: JudgeableRound) -> None:
        """Append one round. Raises `LogError` when it contradicts itself."""
        round_ = found.round
        try:
            _check(round_)
            self.contexts.extend(math.nan if value is None else value for value in round_["context"])
            self.probabilities.extend(round_["probabilities"])
            self.eligible.extend(round_["eligible"])
            self.actions.append(round_["action"])
            self.rewards.append(_finite(row.reward))
            self.propensities.append(round_["propensity"])
        except (ValueError, KeyError, TypeError) as error:
            raise LogError(f"decision {row.decision_id} has a round that cannot be read: {error}") from error
        self.decided_at_us.append(row.decided_at_us)
        self.journeys.append(row.journey)
        self.groups.append(row.group)
        if self.segments is not None:
            for name, label in self.segments.labels(row.decision_id, found.record).items():
                self.memberships.setdefault(name, []).append(label)
        self.n_by_journey[row.journey, found.rule.kind] += 1
        declared = self.declared.setdefault(row.journey, [])
        if found.rule.declared not in declared:
            declared.append(found.rule.declared)

    def columns(self) -> tuple[LoggedFeedback, RoundLabels, Floats]:
        """The rounds' feedback, labels and the behaviour policy's distribution. Raises: `LogError`."""
        (inputs, actions), n_rounds = self.kind, len(self)
        try:
            feedback = LoggedFeedback(
                contexts=np.array(self.contexts).reshape(n_rounds, len(inputs)),
                actions=np.array(self.actions, dtype=np.int64),
                rewards=np.array(self.rewards),
                propensities=np.array(self.propensities),
                eligible=np.array(self.eligible, dtype=np.bool_).reshape(n_rounds, len(actions)),
                input_names=inputs,
                action_names=actions,
            )
        except FeedbackError as error:
            raise LogError(f"the decision log contradicts itself: {error}") from error
        texts = {"journey": self.journeys, "group": self.groups, **self.memberships}
        labels = RoundLabels(
            texts={name: np.array(values) for name, values in texts.items()},
            decided_at_us=np.array(self.decided_at_us, dtype=np.int64),
        )
        return feedback, labels, np.array(self.probabilities).reshape(n_rounds, len(actions))

    def chunk(self) -> LogChunk:
        """The same as a chunk. Raises: `LogError`."""
        feedback, labels, behavior = self.columns()
        return LogChunk(feedback=feedback, labels=labels, behavior=behavior)


def _check(round_: Mapping[str, Any]) -> None:
    """Raises `ValueError` with what was found and what is wanted."""
    n_inputs, n_actions = len(round_["inputs"]), len(round_["actions"])
    for name, wanted in (("context", n_inputs), ("eligible", n_actions), ("probabilities", n_actions)):
        if len(round_[name]) != wanted:
            raise ValueError(f"{name} has {len(round_[name])} values; wanted {wanted}")
    action, propensity = round_["action"], round_["propensity"]
    if not 0 <= action < n_actions or not round_["eligible"][action]:
        raise ValueError(f"action {action} is not among the eligible ones")
    if not 0 < propensity <= 1 or propensity != round_["probabilities"][action]:
        raise ValueError(
            f"propensity is {propensity}; wanted its action's probability, {round_['probabilities'][action]}, in (0, 1]"
        )


def _finite(reward: float | None) -> float:
    if reward is None or not math.isfinite(reward):
        raise ValueError(f"reward is {reward}; wanted a finite number")
    return reward
