"""Moments at which clocks and calendars do something: the situations that every guardrail is tried on."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from service.point_decisions import QuietHours

STEP = timedelta(minutes=5)  # every moment, window and zone offset in these tests is a multiple of it
TURNS = {
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),  # an hour back for Ramadan
    "Africa/Cairo": ("2026-04-23T22:00", "2026-10-29T21:00"),  # midnight is skipped, then comes twice
    "America/Santiago": ("2026-04-05T03:00", "2026-09-06T04:00"),  # the same, in the other order
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),  # by half an hour
    "Asia/Tehran": (
        "2022-03-21T20:30",  # the last time that the clock was put forward, at midnight after Nowruz
        "2022-09-21T19:30",
        "2025-03-20T20:30",  # 1403 ends, a leap year
        "2026-03-20T20:30",  # 1404 ends
    ),
    "Asia/Kolkata": ("2026-02-28T18:30", "2026-12-31T18:30"),  # ends of a month and of a year
}
TURNING = [
    (datetime.fromisoformat(moment).replace(tzinfo=UTC), ZoneInfo(zone))
    for zone, moments in TURNS.items()
    for moment in moments
]


@st.composite
def situations(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """A moment within 30 hours of a turn, and a customer's zone: mostly the one in which it turns."""
    turn, zone = draw(st.sampled_from(TURNING))
    other = ZoneInfo(draw(st.sampled_from([zone.key, zone.key, *TURNS])))  # a customer who moved
    return turn + STEP * draw(st.integers(-360, 360)), other


def around(moment: datetime, days: int, size: int) -> st.SearchStrategy[list[datetime]]:
    """Some moments within so many days on both sides, in no order."""
    steps = days * 288
    return st.lists(st.integers(-steps, steps).map(lambda step: moment + STEP * step), max_size=size)


CLOCK_TIMES = st.times(max_value=time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0))
QUIET = st.builds(QuietHours, start=CLOCK_TIMES, end=CLOCK_TIMES)


def is_quiet_by_the_clock(at: datetime, zone: ZoneInfo, quiet: QuietHours) -> bool:
    """Whether a clock that walks from start to end shows this local minute on its way."""
    shown, end = (each.hour * 60 + each.minute for each in (quiet.start, quiet.end))
    local = at.astimezone(zone)
    while shown != end:
        if shown == local.hour * 60 + local.minute:
            return True
        shown = (shown + 1) % 1440
    return False
