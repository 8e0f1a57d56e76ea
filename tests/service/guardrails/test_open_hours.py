"""The hours that are kept for a while are those that would be worked out at each moment."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.guardrails.mask import Mask
from service.guardrails.open_hours import Limits, _kept, _narrowed, open_hours
from service.guardrails.send_slot import local_midnight
from service.point_decisions import QuietHours

HOURS: Final = tuple(f"{hour:02d}" for hour in range(24))
ZONES: Final = ("Asia/Tehran", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
SPRING: Final = datetime(2026, 3, 27, tzinfo=UTC)  # Europe's clocks move two days later
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30]))


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    minute=st.integers(0, 12 * 24 * 60),
    minutes_later=st.lists(st.integers(0, 59), min_size=1, max_size=4),
    quiet=st.none() | st.builds(QuietHours.model_construct, start=times, end=times),
    deadline_hours=st.sampled_from([0.5, 6.0, 23.5, 24.0]),
    deadline_after=st.none() | st.integers(-1, 30),
    life=st.none() | st.integers(0, 180),
)
def test_of_every_moment_the_same_hours_and_reasons_as_if_nothing_were_kept(
    zone: ZoneInfo,
    minute: int,
    minutes_later: list[int],
    quiet: QuietHours | None,
    deadline_hours: float,
    deadline_after: int | None,
    life: int | None,
) -> None:
    first = SPRING + timedelta(minutes=minute)
    deadline_at = None if deadline_after is None else first + timedelta(hours=deadline_after)

    for minutes in [0, *minutes_later]:
        now = first + timedelta(minutes=minutes, seconds=minutes)
        expires_at = None if life is None else local_midnight(now, zone)
        limits = Limits(quiet, deadline_hours, deadline_at, expires_at, timedelta(minutes=life or 0))
        worked_out = _narrowed.__wrapped__(HOURS, now, zone, limits)
        assert _told(open_hours(HOURS, now, zone, limits)) == _told(worked_out)


@pytest.mark.parametrize("deadline_hours", [16.0, 24.0])
def test_hours_are_kept_within_an_hour_and_nobody_narrows_those_of_others(deadline_hours: float) -> None:
    zone, limits = ZoneInfo("Asia/Tehran"), Limits(QuietHours(start=time(22), end=time(8)), deadline_hours)
    noon = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    narrowed = open_hours(HOURS, noon, zone, limits)
    kept, reasons = len(_kept), list(narrowed.reasons)

    narrowed.keep("journey", ("12",), "only noon")
    later = open_hours(HOURS, noon + timedelta(minutes=20), zone, limits)
    again = open_hours(HOURS, noon, zone, limits)

    assert len(_kept) == kept
    assert "13" in later.open_actions
    assert narrowed.open_actions == ("12",)
    assert again.reasons == reasons
    assert (later.reasons == reasons) == (deadline_hours == 24.0)


def _told(mask: Mask) -> tuple[object, ...]:
    return mask.open_actions, mask.reasons, mask.blocked
