"""What each round must have earned, worked out from decisions, outcomes and rules alone, once everything is quiet.

Written from docs/decision-points.md, not with `models.reward` or the learner, so that one can be held against the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.soak.books import Books, Decision, Row, moment
from benchmarks.soak.rules import Rules

DRAWN = ("decisioning", "random")
"""Groups whose actions were drawn: their rounds are learnt, others' are only rewarded."""
_SIGNS = frozenset({"delivered", "opened", "clicked", "redeemed", "unsubscribed"})
_THOUSAND = 1000


@dataclass(frozen=True)
class Earned:
    """A round whose window is closed and its reward. `most`: no reward that it had meanwhile was larger, sign aside."""

    decision: Decision
    round: dict[str, Any]
    reward: float
    most: float

    @property
    def name(self) -> str:
        """Which choice it was: channel, send_time or coupon."""
        return str(self.round["decision"])

    @property
    def is_learnt(self) -> bool:
        """Whether a policy learns it."""
        return self.decision.row["group_name"] in DRAWN


def earned_rounds(books: Books, rules: Rules, now: datetime) -> Iterator[Earned]:
    """Every round that has a reward by now: what did not happen, or was never activated, has none."""
    for identity, decision in books.decisions.items():
        if decision.row["status"] not in ("act", "hold") or not decision.is_in_effect:
            continue
        facts = books.outcomes.get(identity, [])
        for round_ in decision.record["rounds"]:
            rule = rules.journeys[decision.journey][round_["decision"]]["reward"]
            counted = _counted(decision, round_["decision"], rule, facts, now)
            if counted is not None:
                yield _earned(decision, round_, rule, counted, facts)


def _counted(
    decision: Decision, name: str, rule: dict[str, Any], facts: Sequence[Row], now: datetime
) -> list[Row] | None:
    """The outcomes that count; None where the round has no reward, or its window is not closed."""
    assumed = rule.get("delivery") == "assumed"
    began = decision.decided_at if assumed else decision.effective_at
    end = began + timedelta(hours=rule["window_hours"])
    signs = [moment(row["occurred_at"]) for row in facts if row["kind"] in _SIGNS]
    nothing_sent = decision.row["status"] == "hold" and name == "coupon"
    if now <= end or not (assumed or nothing_sent or signs):
        return None
    first = min([began, *signs])
    return [
        row
        for row in facts
        if moment(row["occurred_at"]) >= first
        and (moment(row["occurred_at"]) <= end or row["kind"] == "refunded")
    ]


def _earned(
    decision: Decision,
    round_: dict[str, Any],
    rule: dict[str, Any],
    counted: Sequence[Row],
    facts: Sequence[Row],
) -> Earned:
    cost = rule.get("message_cost", 0.0)
    if isinstance(cost, dict):
        cost = cost.get(decision.chosen("channel"), 0.0)
    if rule["kind"] == "click":
        kinds = {row["kind"] for row in counted}
        off = rule.get("unsubscribe_cost", 0.0)
        reward = float("clicked" in kinds) - off * ("unsubscribed" in kinds) - cost
        return Earned(decision, round_, reward, 1 + off + cost)
    share = rule.get("margin_share", 0.2)
    brought = max(_total(counted, "purchased") - _total(counted, "refunded"), 0.0)
    reward = (share * brought - _total(counted, "redeemed")) / _THOUSAND - cost
    most = (share * _total(facts, "purchased") + _total(facts, "redeemed")) / _THOUSAND + cost
    return Earned(decision, round_, reward, most)


def _total(facts: Sequence[Row], kind: str) -> float:
    return math.fsum(row["value"] for row in facts if row["kind"] == kind)
