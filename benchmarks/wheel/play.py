"""A policy that learns at the wheel week by week, beside the rule and what could be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.wheel.wheel import Wheel, seen_values
from models.coupon import DRAWS, CouponThompson
from models.feedback import Floats, Integers
from models.win_counts import win_counts
from training.simulation.world import World

OPENINGS_A_WEEK: Final = 0.375
"""Of a customer: 1.5 in 28 days, as in `benchmarks.journeys`."""
DECIDED: Final = 0.9
EVEN: Final = 0.05
"""The shares of the groups that the wheel's decision point declares; the rest is held out."""
MANY: Final = 500_000
_PART: Final = 50_000
WEEKLY: Final = ("truth", "means", "draws", "policy", "rule", "random")
"""What a code is worth by: the truth; the sizes of the highest posterior means; their shares of the draws; with the floor;
the talk's rule; even draws."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """`weekly` `(n_weeks, len(WEEKLY))`: expected incremental net value of a code; `policy` as it stood at the end."""

    weekly: Floats
    policy: CouponThompson


def play(
    start: CouponThompson, wheel: Wheel, worlds: Sequence[World], *, seed: int, customers: int
) -> Played:
    """The weeks, one of `worlds` each; what a week's rounds teach counts from the next week on."""
    policy, rng, weekly = start.clone(), np.random.default_rng([seed, 0]), list[list[float]]()
    n_each = [round(share * OPENINGS_A_WEEK * customers) for share in (DECIDED, EVEN)]
    for world in worlds:
        won, best = shares(policy, wheel)
        drawn, even = won * (1 - policy.floor * policy.n_actions) + policy.floor, np.ones_like(won)
        values = wheel.values(world)
        weekly.append(
            [
                float(values.max(axis=1).mean()),
                value_of(best, values),
                float((won * values).sum(axis=1).mean()),
                float((drawn * values).sum(axis=1).mean()),
                value_of(wheel.rule, values),
                float(values.mean()),
            ]
        )
        for n, weights in zip(n_each, (drawn, even), strict=True):
            _learn(policy, wheel, world, rng, n, weights)
    return Played(weekly=np.array(weekly), policy=policy)


def value_of(sizes: Integers, values: Floats) -> float:
    """The mean value of giving each household this size."""
    return float(values[np.arange(len(values)), sizes].mean())


def value_of_form(start: CouponThompson, wheel: Wheel, world: World, *, seed: int) -> float:
    """The value of the highest means after `MANY` even rounds: what is missing then is what the form cannot say."""
    policy, rng = start.clone(), np.random.default_rng([seed, 1])
    even = np.ones((len(wheel.contexts), policy.n_actions))
    for _ in range(MANY // _PART):
        _learn(policy, wheel, world, rng, _PART, even)
    return value_of(shares(policy, wheel)[1], wheel.values(world))


def value_of_seen(wheel: Wheel, world: World, others: Sequence[World]) -> float:
    """The value of who knows how the world works but of a household only what the data tell."""
    return value_of(seen_values(wheel, others, world).argmax(axis=1), wheel.values(world))


def shares(policy: CouponThompson, wheel: Wheel) -> tuple[Floats, Integers]:
    """In what share of the draws each size is the best `(n, n_sizes)`, and the size of the highest mean `(n,)`."""
    won = np.zeros((len(wheel.contexts), policy.n_actions))
    best = np.zeros(len(wheel.contexts), dtype=np.int64)
    for place, context in enumerate(wheel.contexts):
        values = policy.net_values(context)
        won[place] = win_counts(values) / DRAWS
        best[place] = values.mean(axis=1).argmax()
    return won, best


def _learn(
    policy: CouponThompson,
    wheel: Wheel,
    world: World,
    rng: np.random.Generator,
    n: int,
    weights: Floats,
) -> None:
    who, hours = wheel.draw(rng, n)
    cumulated = np.cumsum(weights, axis=1)[who]
    u = rng.random(n)[:, None] * cumulated[:, -1:]
    sizes = np.minimum((u >= cumulated).sum(axis=1), policy.n_actions - 1)
    policy.learn_many(wheel.contexts[who], sizes, wheel.rewards(rng, world, who, hours, sizes))
