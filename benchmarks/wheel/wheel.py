"""The wheel alone in the simulated world: who opens the app and when, what a code would bring, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.feedback import Floats, Integers
from models.inputs import BUDGET_PRICE
from training.policies import COUPON_INPUTS
from training.simulation.stage import Stage
from training.simulation.wheel_rule import wheel_sizes
from training.simulation.world import COUPON_AMOUNTS, World

MARGIN_SHARE: Final = 0.2
WINDOW_HOURS: Final = 24.0
AMOUNTS: Final = np.array(COUPON_AMOUNTS, dtype=np.float64)
LAPSED_DAYS: Final = 90.0
"""Who has not ordered for so long does not open the app, as in `benchmarks.journeys`."""
HOURS_LEFT: Final = 24.0 - np.arange(24) - 0.5
"""Until midnight, in the middle of each hour."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """The households that open the app `(n,)`, their inputs `(n, n_inputs)`, the rule's sizes as places, the hours."""

    households: Integers
    contexts: Floats
    rule: Integers
    hours: Floats

    @classmethod
    def of(cls, stage: Stage) -> Wheel:
        """The wheel of this stage; no budget, so that λ is 0."""
        recency = stage.audience.columns(("recency_days",))[:, 0]
        households = np.flatnonzero(recency < LAPSED_DAYS)
        known = stage.audience.columns(tuple(name for name in COUPON_INPUTS if name != BUDGET_PRICE))
        sizes = wheel_sizes(stage.audience)[households]
        return cls(
            households=households,
            contexts=np.column_stack([known[households], np.zeros(len(households))]),
            rule=np.searchsorted(AMOUNTS, sizes),
            hours=stage.population / stage.population.sum(),
        )

    def added(self, world: World) -> Floats:
        """P(an order that would not have come) by size, `(n, n_sizes)`, over the hours."""
        return self._over_hours(world, world_persuades(world, self.households), np.zeros(len(AMOUNTS)))

    def costs(self, world: World) -> Floats:
        """Expected coupons redeemed, in the currency, `(n, n_sizes)`."""
        used = world.use_probability(AMOUNTS)
        return AMOUNTS * self._over_hours(world, world_persuades(world, self.households), used)

    def values(self, world: World) -> Floats:
        """Expected incremental net value by size, `(n, n_sizes)`: margin of orders brought less all coupons redeemed."""
        kept = world.habit.order_value[self.households] * (1 - world.spec.refund_rate)
        return MARGIN_SHARE * kept[:, None] * self.added(world) - self.costs(world)

    def _over_hours(self, world: World, brought: Floats, used: Floats) -> Floats:
        """Σ_h share_h·((1 - p0_h)·q + p0_h·u), p0_h = P(an order comes anyway while the code lives)."""
        rate = world.habit.orders_per_day[self.households]
        anyway = (1 - np.exp(-rate[:, None] * HOURS_LEFT / 24)) @ self.hours
        return np.asarray((1 - anyway)[:, None] * brought + anyway[:, None] * used)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[Integers, Floats]:
        """Who opens the app (places in `households`) and how many hours before midnight, `(n,)` each."""
        hours = rng.choice(24, size=n, p=self.hours)
        return rng.integers(len(self.households), size=n), np.asarray(HOURS_LEFT[hours], dtype=np.float64)

    def rewards(
        self, rng: np.random.Generator, world: World, who: Integers, hours: Floats, sizes: Integers
    ) -> Floats:
        """What the learner is told, in thousands: all orders of the window, whatever brought them, less the coupon."""
        households, amounts, spec = self.households[who], AMOUNTS[sizes], world.spec
        rate = world.habit.orders_per_day[households]
        while_alive = rng.poisson(rate * hours / 24)
        later = rng.poisson(rate * (WINDOW_HOURS - hours) / 24)
        q, u = world.persuasion_probability(households, amounts), world.use_probability(amounts)
        brought = (while_alive == 0) & (rng.random(len(who)) < q)
        used = brought | ((while_alive > 0) & (rng.random(len(who)) < u))
        orders, sigma = while_alive + later + brought, spec.order_value_sigma
        paid = np.zeros(len(who))
        for number in range(int(orders.max(initial=0))):
            spread = np.exp(sigma * rng.standard_normal(len(who)) - sigma**2 / 2)
            kept = (number < orders) & (rng.random(len(who)) >= spec.refund_rate)
            paid += kept * spread * world.habit.order_value[households]
        return np.asarray((MARGIN_SHARE * paid - amounts * used) / 1000)


def world_persuades(world: World, households: Integers) -> Floats:
    """q of each size, `(n, n_sizes)`."""
    each = [world.persuasion_probability(households, np.full(len(households), c)) for c in AMOUNTS]
    return np.stack(each, axis=1)


def seen_values(wheel: Wheel, others: Sequence[World], world: World) -> Floats:
    """`Wheel.values` as far as data tell: over worlds whose households have other hidden parts and are alike in all else."""
    alike = [wheel.values(replace(other, spec=world.spec)) for other in others]
    return np.asarray(np.mean(alike, axis=0))
