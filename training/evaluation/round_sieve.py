"""Our own decision log as logged feedback: which decisions may be judged by, and what they hold.

A row carries the record that the service logged, JSON with (among others) `versions.journey` and `rounds`, each round being
{decision, inputs, context (null where unknown), actions, eligible, probabilities, action, propensity}, and beside it what
the learner made of the outcomes: a state and a reward.

One log holds one decision (channel, send time, coupon or message): the propensity is that decision's own, not the joint
one, and the value is that of choosing it otherwise while the choices around it stay as they were logged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from models.packing import unpack
from models.reward import State
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.round_buffer import (
    HOUR_US,
    JudgeableRound,
    KindOfRound,
    LogRow,
    RewardRule,
)

RANDOMISED_GROUPS: Final = frozenset({"decisioning", "random"})
"""Groups whose action was drawn with the logged propensity; the others' choice was not random, so they carry no overlap."""
EARNING: Final = frozenset({"act", "hold"})
"""States of a decision that did something, holding back included; the others earn no reward."""

VOID: Final = "not delivered, or not known to be"
OPEN: Final = "with the reward window perhaps still open"
UNLEARNT: Final = "without a reward from the learner"
OTHER_INPUTS: Final = "made from other inputs or actions"
NOT_ASKED: Final = "not asked for this choice"


class RoundSieve:
    """Tells the rows that hold a round to judge by from the others, which it counts by their reason.

    To judge by are the rounds of one decision whose reward is known and whose window had surely closed when the learner last
    looked. A click is a reward as soon as it comes, its absence only when the window closes: of the decisions still open
    only the successes are known, and taking those in would raise every estimate. Nor may the window be that of the hour
    chosen: among the newest decisions only the early hours would be left, at propensities that are no longer true.
    `rules`: by digest of the journey's rules.
    """

    def __init__(self, *, decision: str, rules: Mapping[str, RewardRule], scanned_until_us: int) -> None:
        self.left_out: Counter[str] = Counter()
        first_close = min((rule.closes_after_hours for rule in rules.values()), default=0.0)
        self.closed_until_us = scanned_until_us - int(first_close * HOUR_US)
        self._decision = decision
        self._rules = rules
        self._scanned_until_us = scanned_until_us

    def judgeable(self, rows: Iterable[LogRow]) -> Iterator[tuple[LogRow, JudgeableRound]]:
        """The rows with a round to judge by, and those not delivered, with reward 0. Raises: `LogError`."""
        for row in rows:
            found = _judgeable(row, self._decision, self._rules, self._scanned_until_us)
            if isinstance(found, JudgeableRound):
                if not found.is_delivered:
                    self.left_out[VOID] += 1
                yield row if found.is_delivered else replace(row, reward=0.0), found
                continue
            self.left_out[found] += 1
            if found == OPEN:
                self.closed_until_us = min(self.closed_until_us, row.decided_at_us)

    def most_frequent(self, n_rounds: Mapping[KindOfRound, int]) -> KindOfRound:
        """The kind with the most rounds; those of the others are left out, too. Raises: `TooFewRoundsError`."""
        if not n_rounds:
            raise TooFewRoundsError(
                f"no {self._decision} round with a known reward; left out: {dict(self.left_out) or 'nothing'}"
            )
        chosen = max(n_rounds, key=lambda kind: n_rounds[kind])
        others = sum(n for kind, n in n_rounds.items() if kind != chosen)
        self.left_out += Counter({OTHER_INPUTS: others})
        return chosen


def _judgeable(
    row: LogRow, decision: str, rules: Mapping[str, RewardRule], scanned_until_us: int
) -> JudgeableRound | str:
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
    if row.decided_at_us + rule.closes_after_hours * HOUR_US >= scanned_until_us:
        return OPEN
    if row.state == State.VOID:
        return JudgeableRound(round_, rule, is_delivered=False, record=record)
    return JudgeableRound(round_, rule, record=record) if row.state == State.RESOLVED else UNLEARNT


def _parse(row: LogRow) -> Mapping[str, Any]:
    try:
        record = json.loads(unpack(row.record)) if isinstance(row.record, bytes) else row.record
        record["versions"]["journey"], [round_["decision"] for round_ in record["rounds"]]
    except (ValueError, KeyError, TypeError) as error:
        raise LogError(f"decision {row.decision_id} has a record that cannot be read: {error!r}") from error
    return record


def _rule(row: LogRow, record: Mapping[str, Any], rules: Mapping[str, RewardRule]) -> RewardRule:
    version = record["versions"]["journey"]
    if version not in rules:
        raise LogError(
            f"decision {row.decision_id} was made by rules {version!r} of {row.journey}; there are {sorted(rules)}"
        )
    return rules[version]
