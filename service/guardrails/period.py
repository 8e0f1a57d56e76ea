"""Calendar periods in a customer's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from models.jalali import jalali_month

PeriodKind = Literal["day", "week", "month"]
Calendar = Literal["gregorian", "jalali"]


@dataclass(frozen=True)
class Period:
    """A day (2026-11-22), week (2026-W47) or month (2026-11) of a zone, from `starts_at` up to `ends_at`, in UTC.

    Weeks begin on Monday. In the Jalali calendar they begin on Saturday and bear its date (w2026-11-21), and months are its
    own (1405-09).
    """

    name: str
    starts_at: datetime
    ends_at: datetime


def period_of(kind: PeriodKind, at: datetime, zone: ZoneInfo, calendar: Calendar = "gregorian") -> Period:
    """The period that a moment lies in.

    >>> period_of("day", datetime(2026, 11, 22, 21, 0, tzinfo=UTC), ZoneInfo("Asia/Tehran")).name
    '2026-11-23'
    """
    return _period_with(kind, at.astimezone(zone).date(), zone, calendar)


@lru_cache(maxsize=1024)
def _period_with(kind: PeriodKind, day: date, zone: ZoneInfo, calendar: Calendar) -> Period:
    """The period that a day of a zone lies in. Kept: decisions at one time ask for few of them."""
    if kind == "day":
        return Period(day.isoformat(), _midnight(day, zone), _midnight(day + timedelta(days=1), zone))
    if calendar == "jalali":
        return _jalali_period(kind, day, zone)
    if kind == "week":
        monday = day - timedelta(days=day.weekday())
        year, week, _ = day.isocalendar()
        name = f"{year}-W{week:02d}"
        return Period(name, _midnight(monday, zone), _midnight(monday + timedelta(days=7), zone))
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return Period(f"{day:%Y-%m}", _midnight(first, zone), _midnight(after, zone))


def _jalali_period(kind: PeriodKind, day: date, zone: ZoneInfo) -> Period:
    if kind == "week":
        saturday = day - timedelta(days=(day.weekday() + 2) % 7)
        return Period(
            f"w{saturday}", _midnight(saturday, zone), _midnight(saturday + timedelta(days=7), zone)
        )
    year, month, first, after = jalali_month(day)
    return Period(f"{year}-{month:02d}", _midnight(first, zone), _midnight(after, zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day: where the clock skips midnight, the moment it skips to."""
    naive = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the zone is put on it next
    return naive.replace(tzinfo=zone).astimezone(UTC)
