"""What the learner would learn of lives that are over: rewards of closed windows, in the groups whose actions were drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

import numpy as np

from benchmarks.journeys.doings import Order
from benchmarks.journeys.life import Life, Told
from benchmarks.journeys.shop import Shop, additive
from models.delay import Sums
from models.reward import Outcome, OutcomeKind, State, resolve
from service.fold import LEARNT_GROUPS
from service.point_decisions import DecisionName
from service.record import Round

LONGEST: Final = timedelta(days=60)
"""After a decision every window is closed, refunds included."""
Lesson = tuple[Round, float]


def sums_of(lives: Iterable[Life], shop: Shop) -> dict[DecisionName, Sums]:
    """What the rounds of these lives add to each policy, by decision."""
    lessons: dict[DecisionName, list[Lesson]] = defaultdict(list)
    for life in lives:
        for round_, earned in rewarded(life):
            lessons[round_.decision].append((round_, earned))
    return {
        decision: additive(shop.models.policies[decision].policy).sums(
            np.array([round_.context_array() for round_, _ in mine]),
            np.array([round_.action for round_, _ in mine]),
            np.array([earned for _, earned in mine]),
        )
        for decision, mine in lessons.items()
        if decision in shop.models.policies
    }


def add_up(
    parts: Iterable[Mapping[DecisionName, Sums]],
) -> dict[DecisionName, Sums]:
    """The sums of several parts together."""
    total: dict[DecisionName, Sums] = {}
    for part in parts:
        for decision, sums in part.items():
            total[decision] = total[decision] + sums if decision in total else sums
    return total


def rewarded(life: Life) -> Iterator[Lesson]:
    """Each round that has a reward, and which."""
    for told in life.told.values():
        record = told.record
        if record.group not in LEARNT_GROUPS:
            continue
        point = life.shop.rules[record.request.journey].point
        for round_ in record.rounds:
            spec = point.reward(round_.decision).spec()
            window = timedelta(hours=spec.window_hours)
            resolution = resolve(
                spec,
                [*told.outcomes, *_bought(told, life.orders, window)],
                effective_at=record.effective_at,
                now=record.effective_at + LONGEST,
                channel=record.chosen("channel"),
            )
            if resolution.state is State.RESOLVED:
                yield round_, resolution.reward


def _bought(told: Told, orders: Iterable[Order], window: timedelta) -> Iterator[Outcome]:
    """Every order of the window, whatever brought it: nobody who learns knows that."""
    began = told.record.effective_at
    for order in orders:
        if not began <= order.at <= began + window:
            continue
        yield Outcome(OutcomeKind.PURCHASED, order.amount, order.at)
        if not order.kept:
            yield Outcome(OutcomeKind.REFUNDED, order.amount, order.at + timedelta(days=3))
