"""Until when a draw counts, against a walk through time that asks what the log asks at each step."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.decision_point import DecisionPoint
from service.guardrails.draw import drawn_until
from service.guardrails.period import PeriodKind
from service.point_files import load_decision_points
from service.settings import Settings
from service.standing import Draw
from tests.service.guardrails.situation import STEP, TURNING

FAR = tuple(map(ZoneInfo, ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Tehran")))


@cache
def wheel(once_per: PeriodKind) -> DecisionPoint:
    fields = load_decision_points(Settings().decision_points)["lucky_wheel"].model_dump()
    return DecisionPoint.model_validate({**fields, "coupon": {**fields["coupon"], "once_per": once_per}})


def drawn(point: DecisionPoint, at: datetime, zone: ZoneInfo) -> Draw:
    period = point.draw_period(at, zone)
    assert period is not None
    return Draw(decision_id="d", period=period.name, ends_at=period.ends_at, coupon=None)


def counts(draw: Draw, point: DecisionPoint, at: datetime, zone: ZoneInfo) -> bool:
    """Whether the log finds the draw when the customer in this zone asks at this moment."""
    period = point.draw_period(at, zone)
    assert period is not None
    return draw.period == period.name or draw.ends_at > at


@settings(max_examples=60, deadline=None)
@given(
    turning=st.sampled_from(TURNING),
    zones=st.tuples(st.sampled_from(FAR), st.sampled_from(FAR)),
    steps=st.tuples(st.integers(-300, 300), st.integers(0, 600)),
    moved=st.booleans(),
)
def test_a_draw_counts_until_the_first_moment_at_which_the_log_finds_it_no_more(
    turning: tuple[datetime, ZoneInfo], zones: tuple[ZoneInfo, ZoneInfo], steps: tuple[int, int], moved: bool
) -> None:
    turn, here = turning
    point, there = wheel("day"), zones[0] if moved else here
    drawn_at = turn + STEP * steps[0]
    draw, now = drawn(point, drawn_at, zones[1] if moved else here), drawn_at + STEP * steps[1]
    if not counts(draw, point, now, there):
        return

    free = now
    while counts(draw, point, free, there):
        free += STEP

    assert drawn_until(draw, point, now, there) == free


@pytest.mark.parametrize(
    ("once_per", "drawn_in", "now_in", "free"),
    [
        ("day", "Asia/Tehran", "Asia/Tehran", "2026-11-22T20:30+00:00"),
        ("day", "America/New_York", "Asia/Tehran", "2026-11-23T05:00+00:00"),
        ("day", "Asia/Tehran", "America/New_York", "2026-11-23T05:00+00:00"),
        ("week", "America/New_York", "Asia/Tehran", "2026-11-23T05:00+00:00"),
        ("month", "America/New_York", "Asia/Tehran", "2026-12-01T05:00+00:00"),
    ],
)
def test_who_moves_waits_for_the_later_end_of_the_period(
    once_per: PeriodKind, drawn_in: str, now_in: str, free: str
) -> None:
    point, at = wheel(once_per), datetime.fromisoformat("2026-11-22T12:00+00:00")
    draw = drawn(point, at, ZoneInfo(drawn_in))

    found = drawn_until(draw, point, at + timedelta(minutes=5), ZoneInfo(now_in))

    assert found == datetime.fromisoformat(free)
