"""The retention rate over any interval: of those who ordered in one, who does in the next?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from models.feedback import Integers
from training.measures.interval import share_of
from training.measures.moment import DAY_US, moment_of


@dataclass(frozen=True, kw_only=True)
class ReturningRow:
    """An interval [starts, ends) and the one of the same length before it.

    returned: ordered in both. new: ordered, and joined in it. reactivated: ordered, joined earlier, and did not order in the
    one before.
    """

    days: int
    starts: date
    ends: date
    active_before: int
    returned: int
    rate: float
    low: float
    high: float
    active: int
    new: int
    reactivated: int


def returning(
    joined_us: Integers, buyer: Integers, ordered_us: Integers, *, begins_us: int, ends_us: int, days: int
) -> list[ReturningRow]:
    """The intervals of so many days that fit between, counted back from the end; the first has none before, and no row."""
    length_us = days * DAY_US
    n = (ends_us - begins_us) // length_us
    place = (ordered_us - (ends_us - n * length_us)) // length_us
    inside = (place >= 0) & (place < n)
    active = np.zeros((n, len(joined_us)), dtype=bool)
    active[place[inside], buyer[inside]] = True
    rows = []
    for number in range(1, n):
        starts_us = ends_us - (n - number) * length_us
        before, now = active[number - 1], active[number]
        found = share_of(int((before & now).sum()), int(before.sum()))
        new = now & (joined_us >= starts_us)
        rows.append(
            ReturningRow(
                days=days,
                starts=moment_of(starts_us).date(),
                ends=moment_of(starts_us + length_us).date(),
                active_before=int(before.sum()),
                returned=int((before & now).sum()),
                rate=found.value,
                low=found.low,
                high=found.high,
                active=int(now.sum()),
                new=int(new.sum()),
                reactivated=int((now & ~before & ~new).sum()),
            )
        )
    return rows
