"""Our own decision log as logged feedback: which decisions may be judged by, and what they hold.

A row carries the record that the service logged, JSON with (among others) `versions.journey` and `rounds`, each round being
{decision, inputs, context (null where unknown), actions, eligible, probabilities, action, propensity}, and beside it what
the learner made of the outcomes: a state and a reward.

One log holds one decision (channel, send time, coupon or message): the propensity is that decision's own, not the joint
one, and the value is that of choosing it otherwise while the choices around it stay as they were logged.
"""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from models.feedback import FeedbackError, Floats, LoggedFeedback
from models.reward import State
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.round_labels import RoundLabels
from training.evaluation.sample_ratio import SampleRatio

RANDOMISED_GROUPS: Final = frozenset({"decisioning", "random"})
"""Groups whose action was drawn with the logged propensity; the others' choice was not random, so they carry no overlap."""
EARNING: Final = frozenset({"act", "hold"})
"""States of a decision that did something, holding back included; the others earn no reward."""

VOID: Final = "not delivered, or not known to be"
OPEN: Final = "with the reward window perhaps still open"
UNLEARNT: Final = "without a reward from the learner"
OTHER_INPUTS: Final = "made from other inputs or actions"
NOT_ASKED: Final = "not asked for this choice"

_HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, kw_only=True)
class LogRow:
    """One decision and the reward of the choice to be judged; `state` and `reward` are None where the learner left none.

    `decided_at_us`: microseconds since 1970 UTC.
    """

    decision_id: str
    journey: str
    decided_at_us: int
    status: str
    group: str
    record: bytes
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


@dataclass(frozen=True, kw_only=True)
class RewardDelay:
    """Hours from when a decision takes effect to the outcome that earns: half came within median, 95 % within late."""

    n_outcomes: int
    median_hours: float
    late_hours: float

    @classmethod
    def of(cls, hours: Floats) -> RewardDelay | None:
        """The delay of these outcomes, None where there are none."""
        if len(hours) == 0:
            return None
        median, late = np.quantile(hours, [0.5, 0.95])
        return cls(n_outcomes=len(hours), median_hours=float(median), late_hours=float(late))


@dataclass(frozen=True, kw_only=True)
class DecisionLog:
    """Rounds to judge by, in the order logged, the behaviour policy's whole distribution, and what was left out and why.

    probabilities `(n_rounds, n_actions)`; labels: journey, group and time of each round; n_left_out by reason; n_by_journey
    by (journey, kind of reward). closed_until_us: the latest moment before which no decision's window was open; rewards: the
    rounds' rewards as the rules of each journey declared them. sample_ratios: customers by group of each journey whose
    shares stayed the same; delay: None where no decisive outcome came in.
    """

    feedback: LoggedFeedback
    probabilities: Floats
    labels: RoundLabels
    n_left_out: dict[str, int]
    n_by_journey: dict[tuple[str, str], int]
    closed_until_us: int = 0
    rewards: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    sample_ratios: tuple[SampleRatio, ...] = ()
    delay: RewardDelay | None = None


def collect_rounds(
    rows: Iterable[LogRow], *, decision: str, rules: Mapping[str, RewardRule], scanned_until_us: int
) -> DecisionLog:
    """The rounds of one decision whose reward is known and whose window had surely closed when the learner last looked.

    A click is a reward as soon as it comes, its absence only when the window closes: of the decisions still open only the
    successes are known, and taking those in would raise every estimate. Nor may the window be that of the hour chosen:
    among the newest decisions only the early hours would be left, at propensities that are no longer true. Where rounds
    differ in inputs or actions, those of the most frequent kind are taken. `rules`: by digest of the journey's rules.

    Raises: `LogError` naming the decision and what is wrong with its record; `TooFewRoundsError` when no round is left.
    """
    left_out: Counter[str] = Counter()
    first_close = min((rule.closes_after_hours for rule in rules.values()), default=0.0)
    closed_until_us = scanned_until_us - int(first_close * _HOUR_US)
    kinds: dict[tuple[tuple[str, ...], tuple[str, ...]], _Columns] = {}
    for row in rows:
        found = _judgeable(row, decision, rules, scanned_until_us)
        if isinstance(found, str):
            left_out[found] += 1
            closed_until_us = min(closed_until_us, row.decided_at_us) if found == OPEN else closed_until_us
        else:
            key = (tuple(found.round["inputs"]), tuple(found.round["actions"]))
            kinds.setdefault(key, _Columns()).add(row, found)
    if not kinds:
        raise TooFewRoundsError(
            f"no {decision} round with a known reward; left out: {dict(left_out) or 'nothing'}"
        )
    names = max(kinds, key=lambda key: len(kinds[key].rewards))
    others = sum(len(columns.rewards) for key, columns in kinds.items() if key != names)
    log = kinds[names].log(*names, left_out + Counter({OTHER_INPUTS: others}))
    return replace(log, closed_until_us=closed_until_us)


@dataclass(frozen=True)
class _Judgeable:
    round: Mapping[str, Any]
    rule: RewardRule


def _judgeable(
    row: LogRow, decision: str, rules: Mapping[str, RewardRule], scanned_until_us: int
) -> _Judgeable | str:
    """The row's round of this decision, or the reason why there is none to judge by."""
    if row.group not in RANDOMISED_GROUPS:
        return f"group {row.group}"
    if row.status not in EARNING:
        return row.status
    record = _parse(row)
    round_ = next((r for r in record["rounds"] if r["decision"] == decision), None)
    if round_ is None:
        return NOT_ASKED
    rule = _rule(row, record, rules)
    if row.decided_at_us + rule.closes_after_hours * _HOUR_US >= scanned_until_us:
        return OPEN
    if row.state == State.VOID:
        return VOID
    return _Judgeable(round_, rule) if row.state == State.RESOLVED else UNLEARNT


def _parse(row: LogRow) -> dict[str, Any]:
    try:
        record = json.loads(row.record)
        record["versions"]["journey"], [round_["decision"] for round_ in record["rounds"]]
    except (ValueError, KeyError, TypeError) as error:
        raise LogError(f"decision {row.decision_id} has a record that cannot be read: {error!r}") from error
    return dict(record)


def _rule(row: LogRow, record: dict[str, Any], rules: Mapping[str, RewardRule]) -> RewardRule:
    version = record["versions"]["journey"]
    if version not in rules:
        raise LogError(
            f"decision {row.decision_id} was made by rules {version!r} of {row.journey}; there are {sorted(rules)}"
        )
    return rules[version]


class _Columns:
    """Rounds of the same inputs and actions, column by column, eight bytes a number."""

    def __init__(self) -> None:
        self.contexts = array("d")
        self.probabilities = array("d")
        self.eligible = array("b")
        self.actions = array("q")
        self.rewards = array("d")
        self.propensities = array("d")
        self.decided_at_us = array("q")
        self.journeys: list[str] = []
        self.groups: list[str] = []
        self.n_by_journey: Counter[tuple[str, str]] = Counter()
        self.declared: dict[str, list[Mapping[str, Any]]] = {}

    def add(self, row: LogRow, found: _Judgeable) -> None:
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
        self.n_by_journey[row.journey, found.rule.kind] += 1
        declared = self.declared.setdefault(row.journey, [])
        if found.rule.declared not in declared:
            declared.append(found.rule.declared)

    def log(self, inputs: tuple[str, ...], actions: tuple[str, ...], left_out: Counter[str]) -> DecisionLog:
        """The columns as a log. Raises `LogError`."""
        n_rounds, n_actions = len(self.rewards), len(actions)
        try:
            feedback = LoggedFeedback(
                contexts=np.array(self.contexts).reshape(n_rounds, len(inputs)),
                actions=np.array(self.actions, dtype=np.int64),
                rewards=np.array(self.rewards),
                propensities=np.array(self.propensities),
                eligible=np.array(self.eligible, dtype=np.bool_).reshape(n_rounds, n_actions),
                input_names=inputs,
                action_names=actions,
            )
        except FeedbackError as error:
            raise LogError(f"the decision log contradicts itself: {error}") from error
        probabilities = np.array(self.probabilities).reshape(n_rounds, n_actions)
        return DecisionLog(
            feedback=feedback,
            probabilities=probabilities,
            labels=RoundLabels(
                texts={"journey": np.array(self.journeys), "group": np.array(self.groups)},
                decided_at_us=np.array(self.decided_at_us, dtype=np.int64),
            ),
            n_left_out=dict(left_out),
            n_by_journey=dict(self.n_by_journey),
            rewards=self.declared,
        )


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
