"""Moments of decision in the simulated world, and the contexts the service would build at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.schema import CHANNELS
from models.feedback import Booleans, Floats, Integers
from models.inputs import BUDGET_PRICE, EARLIER_CHOICES, MOMENT
from training.simulation.audience import Audience
from training.simulation.world import JOURNEYS

HOURS = 24
RECENT_MESSAGES = 1.75
"""Mean messages a week: one in four days, as in `history`."""


@dataclass(frozen=True, kw_only=True)
class Occasions:
    """Moments at which something is to be decided, one entry each: who, local hour and weekday, what was decided before.

    `channel` is a place in `CHANNELS`, -1 where none was decided; `journey` one in `world.JOURNEYS`; `recent_messages`
    counts those of the last week. No policy sees the last two.
    """

    customers: Integers
    local_hour: Integers
    local_weekday: Integers
    channel: Integers
    journey: Integers
    recent_messages: Integers

    def of_reached(self, audience: Audience) -> Occasions:
        """Those of customers whom at least one channel may be used for."""
        reached = np.asarray(audience.channels()[self.customers].any(axis=1))
        return Occasions(**{name: values[reached] for name, values in vars(self).items()})

    def contexts(self, audience: Audience, names: tuple[str, ...]) -> Floats:
        """The inputs of these names, `(n_occasions, n_names)`, as the service gives them; the date is nan, there is none."""
        moment = {"local_hour": self.local_hour, "local_weekday": self.local_weekday}
        chosen = {f"channel_{name}": self.channel == place for place, name in enumerate(CHANNELS)}
        unknown = dict.fromkeys((*EARLIER_CHOICES, *MOMENT), np.full(len(self.customers), np.nan))
        given = {**unknown, **moment, **chosen, BUDGET_PRICE: np.zeros(len(self.customers))}
        columns = [
            given[name] if name in given else audience.columns((name,))[self.customers, 0] for name in names
        ]
        return np.column_stack(columns).astype(np.float64)


def draw_occasions(rng: np.random.Generator, audience: Audience, hours: Floats, n: int) -> Occasions:
    """Occasions of customers drawn alike, at local hours drawn from `hours` `(24,)`, in any journey, no channel decided."""
    hour = np.searchsorted(np.cumsum(hours), rng.random(n) * hours.sum(), side="right")
    return Occasions(
        customers=rng.integers(len(audience.customer_ids), size=n),
        local_hour=np.minimum(hour, HOURS - 1),
        local_weekday=rng.integers(7, size=n),
        channel=np.full(n, -1),
        journey=rng.integers(len(JOURNEYS), size=n),
        recent_messages=rng.poisson(RECENT_MESSAGES, size=n),
    )


def draw_uniform(rng: np.random.Generator, eligible: Booleans) -> Integers:
    """One of each row's eligible actions, each alike."""
    return nth_eligible(eligible, rng.random(len(eligible)))


def nth_eligible(eligible: Booleans, u: Floats) -> Integers:
    """The (⌊u·k⌋ + 1)-th of each row's k eligible actions, for u in [0, 1): each alike when u is uniform."""
    wanted = (u * eligible.sum(axis=1)).astype(np.int64) + 1
    return np.asarray(np.argmax(np.cumsum(eligible, axis=1) == wanted[:, None], axis=1))
