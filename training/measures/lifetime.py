"""The steps of a customer's life: signed up, then a purchase in month 1, 2, 3, 4, and 5 or later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Booleans, Integers
from training.measures.interval import share_of
from training.measures.moment import DAY_US
from training.measures.retention import Grain, activity

_FIRST: Final = Grain(days=30, n_periods=5, cohort="month")
_LAST: Final = 4
"""The place of month 5, which stands for all later ones, too."""


@dataclass(frozen=True, kw_only=True)
class LifetimeStep:
    """Of those who were there for a step's whole month, the share that ordered in it.

    drop_off: of those who ordered in the step before, and were there for this one, the share that did not in this one.
    """

    step: str
    observed: int
    active: int
    rate: float
    low: float
    high: float
    drop_off: float


def lifetime_steps(
    joined_us: Integers, buyer: Integers, ordered_us: Integers, *, ends_us: int
) -> list[LifetimeStep]:
    """Sign-up and the five steps; a month is 30 days, and month 5+ is from day 120 on, of those who joined 150 days ago."""
    if not len(joined_us):
        return []
    observed, active = activity(joined_us, buyer, ordered_us, ends_us=ends_us, grain=_FIRST)
    later = ordered_us >= joined_us[buyer] + _LAST * _FIRST.days * DAY_US
    active[buyer[later], _LAST] = True
    active &= observed
    everybody = np.ones(len(joined_us), dtype=bool)
    steps = [_step("signed up", everybody, everybody, everybody)]
    for place in range(_LAST + 1):
        name = f"month {place + 1}" + ("+" if place == _LAST else "")
        before = active[:, place - 1] if place else everybody
        steps.append(_step(name, observed[:, place], active[:, place], before))
    return steps


def _step(name: str, observed: Booleans, active: Booleans, before: Booleans) -> LifetimeStep:
    n_observed, n_active = int(observed.sum()), int(active.sum())
    found, could = share_of(n_active, n_observed), int((before & observed).sum())
    stayed = int((before & active).sum())
    return LifetimeStep(
        step=name,
        observed=n_observed,
        active=n_active,
        rate=found.value,
        low=found.low,
        high=found.high,
        drop_off=1 - stayed / could if could else math.nan,
    )
