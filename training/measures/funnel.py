"""The purchase funnel: how far customers get, and where they leave it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.tables import FUNNEL_EVENTS
from models.feedback import Integers
from training.measures.interval import share_of
from training.measures.moment import DAY_US


@dataclass(frozen=True, kw_only=True)
class FunnelRow:
    """Customers that got to a step: of those who entered and of those at the step before, each with its interval."""

    step: str
    customers: int
    share_of_entered: float
    entered_low: float
    entered_high: float
    share_of_previous: float
    low: float
    high: float
    drop_off: float


def funnel(
    customer: Integers, step: Integers, at_us: Integers, *, begins_us: int, ends_us: int, within_days: int
) -> list[FunnelRow]:
    """One row a step of `FUNNEL_EVENTS`, none where nobody entered; the arguments are `(n_steps,)` in ascending time.

    A customer enters with the first product page view from `begins_us` on and gets to a step by taking it no earlier than
    the step before and within so many days of entering. Who entered less than that before `ends_us` does not count.
    """
    within_us = within_days * DAY_US
    reached_us: dict[int, int] = {}
    entered_us: dict[int, int] = {}
    counts = []
    for number in range(len(FUNNEL_EVENTS)):
        mine = (step == number) & (at_us >= begins_us) & (at_us < ends_us)
        found: dict[int, int] = {}
        for who, when in zip(customer[mine].tolist(), at_us[mine].tolist(), strict=True):
            if who in found:
                continue
            if number == 0:
                if when + within_us <= ends_us:
                    found[who] = entered_us[who] = when
            elif who in reached_us and reached_us[who] <= when < entered_us[who] + within_us:
                found[who] = when
        reached_us = found
        counts.append(len(found))
    return [_row(number, counts) for number in range(len(counts))] if counts[0] else []


def _row(number: int, counts: list[int]) -> FunnelRow:
    of_entered = share_of(counts[number], counts[0])
    found = share_of(counts[number], counts[max(number - 1, 0)])
    return FunnelRow(
        step=FUNNEL_EVENTS[number],
        customers=counts[number],
        share_of_entered=of_entered.value,
        entered_low=of_entered.low,
        entered_high=of_entered.high,
        share_of_previous=found.value,
        low=found.low,
        high=found.high,
        drop_off=1 - found.value if number and np.isfinite(found.value) else math.nan,
    )
