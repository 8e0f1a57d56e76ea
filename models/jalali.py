"""Months of the Jalali (Solar Hijri) calendar, by the 33-year rule."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

_ANCHOR_YEAR, _ANCHOR = 1400, date(2021, 3, 21)  # 1 Farvardin 1400
_MONTHS: Final = (*[31] * 6, *[30] * 5)


class JalaliMonth(NamedTuple):
    """A month, its first day and the first day after it."""

    year: int
    month: int
    starts_on: date
    ends_before: date


def jalali_month(day: date) -> JalaliMonth:
    """The Jalali month that a day lies in.

    >>> jalali_month(date(2026, 3, 20))[:2], jalali_month(date(2026, 3, 21))[:2]
    ((1404, 12), (1405, 1))
    """
    year = day.year - 621 if day >= nowruz(day.year - 621) else day.year - 622
    starts_on, after = nowruz(year), nowruz(year + 1)
    for month, days in enumerate(_MONTHS, start=1):
        ends_before = starts_on + timedelta(days=days)
        if day < ends_before:
            return JalaliMonth(year, month, starts_on, ends_before)
        starts_on = ends_before
    return JalaliMonth(year, 12, starts_on, after)


@lru_cache(maxsize=512)
def nowruz(year: int) -> date:
    """The first day of a Jalali year.

    Its last month has 30 days in 8 of 33 years: where (25·year + 11) mod 33 < 8. A test holds it against the official leap
    years from 1395 to 1412; the official calendar follows the equinox and may leave the rule in some later century.
    """
    step = 1 if year >= _ANCHOR_YEAR else -1
    between = range(_ANCHOR_YEAR, year) if step > 0 else range(year, _ANCHOR_YEAR)
    return _ANCHOR + step * timedelta(days=sum(366 if is_leap(each) else 365 for each in between))


def is_leap(year: int) -> bool:
    """Whether Esfand has 30 days in this year."""
    return (25 * year + 11) % 33 < 8
