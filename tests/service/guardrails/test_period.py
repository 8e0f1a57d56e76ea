"""Calendar periods against a walk over the minutes of a customer's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.jalali import is_leap, jalali_month
from service.guardrails.period import period_of
from tests.service.guardrails.situation import STEP, situations


@settings(max_examples=80, deadline=None)
@given(situations())
def test_a_day_is_all_moments_at_which_the_customer_s_clock_shows_its_date(
    situation: tuple[datetime, ZoneInfo],
) -> None:
    at, zone = situation
    date = at.astimezone(zone).date()
    first = last = at
    while (first - STEP).astimezone(zone).date() == date:
        first -= STEP
    while last.astimezone(zone).date() == date:
        last += STEP

    day = period_of("day", at, zone)

    assert (day.name, day.starts_at, day.ends_at) == (date.isoformat(), first, last)


@settings(max_examples=80, deadline=None)
@given(situations(), st.sampled_from(["day", "week", "month"]), st.sampled_from(["gregorian", "jalali"]))
def test_periods_follow_one_another_without_gap_or_overlap(
    situation: tuple[datetime, ZoneInfo], kind: str, calendar: str
) -> None:
    at, zone = situation

    period = period_of(kind, at, zone, calendar)

    assert period.starts_at <= at < period.ends_at
    assert period_of(kind, period.starts_at, zone, calendar) == period
    assert period_of(kind, period.ends_at - STEP, zone, calendar) == period
    assert period_of(kind, period.ends_at, zone, calendar).starts_at == period.ends_at


def test_jalali_months_are_those_of_a_calendar_leafed_through_day_by_day() -> None:
    """From 1 Farvardin 1395 on, with the official leap years; 31 days in the first six months, 30 in the next five."""
    day, leap_years = date(2016, 3, 20), {1395, 1399, 1403, 1408, 1412}
    for year in range(1395, 1413):
        assert is_leap(year) == (year in leap_years)
        for month in range(1, 13):
            days = 31 if month < 7 else 30 if month < 12 or year in leap_years else 29
            first, after = day, day + timedelta(days=days)
            while day < after:
                assert jalali_month(day) == (year, month, first, after)
                day += timedelta(days=1)


@pytest.mark.parametrize(
    ("at", "name", "starts"),
    [
        ("2025-03-20T20:00", "1403-12", "2025-02-18T20:30"),  # 23:30 of 30 Esfand, a leap year's last evening
        ("2025-03-20T20:30", "1404-01", "2025-03-20T20:30"),
        ("2026-03-20T20:29", "1404-12", "2026-02-19T20:30"),  # 29 Esfand
        (
            "2022-03-21T20:30",
            "1401-01",
            "2022-03-20T20:30",
        ),  # the clock skips the second midnight of the year
    ],
)
def test_the_jalali_year_turns_at_midnight_in_tehran(at: str, name: str, starts: str) -> None:
    moment, start = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (at, starts))

    month = period_of("month", moment, ZoneInfo("Asia/Tehran"), "jalali")

    assert (month.name, month.starts_at) == (name, start)


def test_a_jalali_week_begins_on_saturday() -> None:
    friday = datetime(2026, 11, 20, 12, tzinfo=UTC)

    weeks = [
        period_of("week", friday + timedelta(days=n), ZoneInfo("Asia/Tehran"), "jalali") for n in range(9)
    ]

    assert [week.name for week in weeks] == ["w2026-11-14", *["w2026-11-21"] * 7, "w2026-11-28"]


@pytest.mark.parametrize(
    ("kind", "at", "zone", "name", "hours"),
    [
        ("day", "2026-09-06T05:00", "America/Santiago", "2026-09-06", 23),  # its first clock time is 01:00
        ("day", "2026-10-29T21:30", "Africa/Cairo", "2026-10-29", 25),  # 23:30, shown for the second time
        ("day", "2022-03-21T21:00", "Asia/Tehran", "2022-03-22", 23),
        (
            "day",
            "2026-03-20T20:30",
            "Asia/Tehran",
            "2026-03-21",
            24,
        ),  # Nowruz 1405, no clock is moved any more
        ("week", "2026-03-08T12:00", "America/New_York", "2026-W10", 167),
        ("week", "2027-01-01T12:00", "UTC", "2026-W53", 168),
        ("month", "2026-03-31T23:30", "Africa/Casablanca", "2026-04", 720),
        ("month", "2026-03-15T12:00", "Africa/Casablanca", "2026-03", 743),
    ],
)
def test_periods_have_as_many_hours_as_the_clock_gives_them(
    kind: str, at: str, zone: str, name: str, hours: int
) -> None:
    period = period_of(kind, datetime.fromisoformat(at).replace(tzinfo=UTC), ZoneInfo(zone))

    assert (period.name, (period.ends_at - period.starts_at).total_seconds() / 3600) == (name, hours)
