"""The average order value, in all and by calendar month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from models.feedback import Floats, Integers
from training.measures.interval import ratio_of, sums_by
from training.measures.moment import day_of, period_starts


@dataclass(frozen=True, kw_only=True)
class AovRow:
    """Amount paid per order, of orders in a calendar month; month None: of all of them."""

    month: date | None
    customers: int
    orders: int
    aov: float
    low: float
    high: float


def aov(buyer: Integers, ordered_us: Integers, amount: Floats, *, time_zone: str) -> list[AovRow]:
    """All orders first, then each month that has some."""
    if not len(buyer):
        return []
    starts = period_starts(ordered_us, time_zone, "month")
    months = [
        _row(day_of(start), buyer[starts == start], amount[starts == start]) for start in np.unique(starts)
    ]
    return [_row(None, buyer, amount), *months]


def _row(month: date | None, buyer: Integers, amount: Floats) -> AovRow:
    who, place = np.unique(buyer, return_inverse=True)
    orders = sums_by(place, np.ones(len(place)), len(who))
    found = ratio_of(sums_by(place, amount, len(who)), orders)
    return AovRow(
        month=month,
        customers=len(who),
        orders=len(buyer),
        aov=found.value,
        low=found.low,
        high=found.high,
    )
