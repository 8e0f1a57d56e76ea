"""Calendar periods against a walk over the minutes of a customer's clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
@given(situations(), st.sampled_from(["day", "week", "month"]))
def test_periods_follow_one_another_without_gap_or_overlap(
    situation: tuple[datetime, ZoneInfo], kind: str
) -> None:
    at, zone = situation

    period = period_of(kind, at, zone)

    assert period.starts_at <= at < period.ends_at
    assert period_of(kind, period.starts_at, zone) == period
    assert period_of(kind, period.ends_at - STEP, zone) == period
    assert period_of(kind, period.ends_at, zone).starts_at == period.ends_at


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
