"""Send slots against a slow oracle that walks the minutes of a day, nights on which the clock moves among them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.guardrails.mask import Mask
from service.guardrails.send_slot import (
    local_midnight,
    mask_clock,
    mask_coupon_life,
    mask_deadline,
    mask_quiet_hours,
    quiet_until,
    slots,
)
from service.point_decisions import QuietHours
from tests.service.guardrails.situation import QUIET, TURNING, is_quiet_by_the_clock

MINUTE = timedelta(minutes=1)
HOURS = tuple(f"{hour:02d}" for hour in range(24))
BERLIN, TEHRAN = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tehran")


@st.composite
def situations(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """A moment within 30 hours of a change of the clock, or on any day, and a customer's zone."""
    change, zone = draw(st.sampled_from(TURNING))
    minutes = draw(st.one_of(st.integers(-1800, 1800), st.integers(-200_000, 200_000)))
    return change + timedelta(minutes=minutes, seconds=draw(st.integers(0, 59))), zone


def next_moments(now: datetime, zone: ZoneInfo) -> dict[str, datetime]:
    """Now for the current hour, else the first minute within 24 hours on which the customer's clock shows the hour."""
    found = {f"{now.astimezone(zone).hour:02d}": now}
    minute = now.replace(second=0, microsecond=0) + MINUTE
    while minute <= now + timedelta(hours=24):
        found.setdefault(f"{minute.astimezone(zone).hour:02d}", minute)
        minute += MINUTE
    return found


def left(mask: Mask) -> set[str]:
    return {hour for hour, on in zip(mask.actions, mask.eligible, strict=True) if on}


@given(situations())
@example((datetime(2026, 10, 24, 8, 30, tzinfo=UTC), BERLIN))  # 25 hours lie between two mornings
@example((datetime(2026, 3, 29, 0, 30, tzinfo=UTC), BERLIN))  # two o'clock comes tomorrow, not tonight
def test_each_hour_s_slot_is_its_next_moment_within_24_hours(situation: tuple[datetime, ZoneInfo]) -> None:
    now, zone = situation

    assert slots(now, zone) == next_moments(now, zone)


@given(situations())
def test_slots_lie_between_now_and_24_hours_on_and_show_their_hour(
    situation: tuple[datetime, ZoneInfo],
) -> None:
    now, zone = situation

    for hour, at in slots(now, zone).items():
        assert now <= at <= now + timedelta(hours=24)
        assert f"{at.astimezone(zone).hour:02d}" == hour


def test_an_hour_that_the_clock_skips_has_no_slot_and_one_that_comes_twice_has_its_first() -> None:
    spring = slots(datetime(2026, 3, 28, 21, tzinfo=UTC), BERLIN)
    autumn = slots(datetime(2026, 10, 24, 20, tzinfo=UTC), BERLIN)

    assert set(HOURS) - spring.keys() == {"02"}
    assert autumn.keys() == set(HOURS)
    assert autumn["02"] == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert autumn["03"] == datetime(2026, 10, 25, 2, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(situations())
@example((datetime(2026, 3, 28, 21, tzinfo=UTC), BERLIN))
def test_an_hour_that_is_skipped_is_free_when_the_clock_shows_it_next(
    situation: tuple[datetime, ZoneInfo],
) -> None:
    now, zone = situation
    moments, mask = slots(now, zone), Mask("send_time", HOURS)

    mask_clock(mask, moments, now, zone)

    skipped = set(HOURS) - moments.keys()
    assert set(mask.open_actions) == moments.keys()
    assert [set(reason.actions) for reason in mask.reasons] == ([skipped] if skipped else [])
    for reason in mask.reasons:
        minute = now
        while f"{minute.astimezone(zone).hour:02d}" not in skipped:
            minute = minute.replace(second=0) + MINUTE
        assert reason.frees_at == minute


def test_each_rule_forbids_what_another_took_before_it() -> None:
    """At 20:00 in Tehran nothing is sent after 23:00; were it not so, the night would still be quiet."""
    now = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    moments, mask = slots(now, TEHRAN), Mask("send_time", HOURS)

    mask_deadline(mask, moments, now + timedelta(hours=2))
    mask_quiet_hours(mask, moments, TEHRAN, QuietHours(start=time(22, 30), end=time(8)))
    mask_coupon_life(mask, moments, local_midnight(now, TEHRAN), timedelta(minutes=30))

    assert [reason.rule for reason in mask.reasons] == ["deadline"]
    assert mask.blocked["quiet_hours"] == {"23", *(f"{hour:02d}" for hour in range(8))}
    assert mask.blocked["coupon_life"] == {f"{hour:02d}" for hour in range(20)}


@settings(max_examples=60, deadline=None)
@given(situations(), QUIET)
def test_in_the_hour_in_which_quiet_hours_end_the_slot_is_their_end(
    situation: tuple[datetime, ZoneInfo], quiet: QuietHours
) -> None:
    now, zone = situation
    plain, moved = next_moments(now, zone), slots(now, zone, quiet)

    for hour, at in plain.items():
        loud = (
            minute
            for minute in [at, *(at.replace(second=0) + MINUTE * n for n in range(1, 60))]
            if f"{minute.astimezone(zone).hour:02d}" == hour
            and not is_quiet_by_the_clock(minute, zone, quiet)
        )
        first = next(loud, None)
        assert moved[hour] in (first, at)
        assert first is None or quiet.end.hour != int(hour) or moved[hour] == first


@settings(max_examples=60, deadline=None)
@given(situations(), QUIET)
@example(
    (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), ZoneInfo("America/New_York")),
    QuietHours(start=time(1), end=time(2, 30)),
)
@example(
    (datetime(2026, 11, 1, 4, 30, tzinfo=UTC), ZoneInfo("America/New_York")),
    QuietHours(start=time(0), end=time(1, 30)),
)
def test_quiet_hours_are_over_at_the_first_minute_that_is_not_quiet(
    situation: tuple[datetime, ZoneInfo], quiet: QuietHours
) -> None:
    now, zone = situation
    minute = now
    while is_quiet_by_the_clock(minute, zone, quiet):
        minute = minute.replace(second=0) + MINUTE

    assert quiet_until(now, zone, quiet) == minute


def test_quiet_hours_end_at_the_first_such_time_however_they_were_read() -> None:
    """Times that differ in nothing but the fold are equal, so what is kept for one of them is given for the other."""
    now = datetime(2026, 3, 28, 20, 53, tzinfo=UTC)  # the clock skips half past two in the night that follows

    ends = [
        quiet_until(now, BERLIN, QuietHours(start=time(20), end=time(2, 30, fold=fold))) for fold in (1, 0)
    ]

    assert ends == [datetime(2026, 3, 29, 1, tzinfo=UTC)] * 2


@settings(max_examples=60, deadline=None)
@given(situations(), QUIET, st.integers(0, 24 * 60), st.integers(0, 24 * 60))
def test_what_is_left_is_what_the_oracle_leaves(
    situation: tuple[datetime, ZoneInfo], quiet: QuietHours, deadline_minutes: int, life_minutes: int
) -> None:
    now, zone = situation
    deadline, life = now + timedelta(minutes=deadline_minutes), timedelta(minutes=life_minutes)
    moments, expires_at = slots(now, zone), local_midnight(now, zone)
    mask = Mask("send_time", HOURS)

    mask.keep("clock", moments, "skipped")
    mask_deadline(mask, moments, deadline)
    mask_quiet_hours(mask, moments, zone, quiet)
    mask_coupon_life(mask, moments, expires_at, life)

    assert left(mask) == {
        hour
        for hour, at in next_moments(now, zone).items()
        if at <= deadline and not is_quiet_by_the_clock(at, zone, quiet) and at + life <= expires_at
    }


@settings(max_examples=60, deadline=None)
@given(situations(), QUIET, st.integers(0, 24 * 60))
def test_every_hour_that_was_taken_is_named_once_with_its_rule(
    situation: tuple[datetime, ZoneInfo], quiet: QuietHours, deadline_minutes: int
) -> None:
    now, zone = situation
    moments = slots(now, zone)
    mask = Mask("send_time", HOURS)

    mask.keep("clock", moments, "skipped")
    mask_deadline(mask, moments, now + timedelta(minutes=deadline_minutes))
    mask_quiet_hours(mask, moments, zone, quiet)

    taken = [hour for reason in mask.reasons for hour in reason.actions]
    assert sorted(taken) == sorted(set(HOURS) - left(mask))
    assert all(reason.actions and reason.detail for reason in mask.reasons)


@given(situations())
def test_the_day_ends_at_the_first_minute_of_another_date(situation: tuple[datetime, ZoneInfo]) -> None:
    now, zone = situation
    minute = now.replace(second=0, microsecond=0)
    while minute.astimezone(zone).date() == now.astimezone(zone).date():
        minute += MINUTE

    assert local_midnight(now, zone) == minute


@pytest.mark.parametrize(
    ("now", "quiet", "deadline_hours", "expected"),
    [
        ("2026-11-22T12:00+03:30", ("22:00", "08:00"), 16, range(12, 22)),
        ("2026-11-22T23:59+03:30", ("22:00", "08:00"), 14, range(8, 14)),
        ("2026-11-22T12:00+03:30", ("12:30", "13:00"), 11, range(12, 24)),
        ("2026-11-22T12:45+03:30", ("12:30", "13:00"), 11, range(13, 24)),
        ("2026-11-22T12:00+03:30", ("09:00", "09:00"), 11, range(12, 24)),
    ],
)
def test_quiet_hours_across_midnight_and_within_an_hour(
    now: str, quiet: tuple[str, str], deadline_hours: int, expected: range
) -> None:
    at = datetime.fromisoformat(now).astimezone(UTC)
    start, end = (time.fromisoformat(each) for each in quiet)
    moments, mask = slots(at, TEHRAN), Mask("send_time", HOURS)

    mask_deadline(mask, moments, at + timedelta(hours=deadline_hours))
    mask_quiet_hours(mask, moments, TEHRAN, QuietHours(start=start, end=end))

    assert left(mask) == {f"{hour:02d}" for hour in expected}


def test_the_reasons_say_the_limit_and_the_customer_s_zone() -> None:
    now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    moments = slots(now, TEHRAN)
    mask = Mask("send_time", HOURS)

    mask_deadline(mask, moments, now + timedelta(hours=16))
    mask_quiet_hours(mask, moments, TEHRAN, QuietHours(start=time(22), end=time(8)))
    mask_coupon_life(mask, moments, local_midnight(now, TEHRAN), timedelta(minutes=90))

    assert {reason.rule: reason.detail for reason in mask.reasons} == {
        "deadline": "nothing is sent after 2026-11-23T01:30:00+00:00",
        "quiet_hours": "quiet from 22:00 to 08:00 in Asia/Tehran",
    }
    assert sorted(left(mask)) == [f"{hour:02d}" for hour in range(13, 22)]


def test_the_reasons_say_when_a_message_may_go_out_again() -> None:
    """At 23:40 in Tehran the wheel's code has 20 minutes left and the night has begun."""
    now = datetime(2026, 11, 22, 20, 10, tzinfo=UTC)
    quiet = QuietHours(start=time(22), end=time(8, 30))
    moments, mask = slots(now, TEHRAN, quiet), Mask("send_time", HOURS)

    mask_quiet_hours(mask, moments, TEHRAN, quiet)
    mask_coupon_life(mask, moments, local_midnight(now, TEHRAN), timedelta(minutes=30))

    assert [(r.rule, r.limit, r.current, r.frees_at) for r in mask.reasons] == [
        ("quiet_hours", datetime(2026, 11, 23, 5, tzinfo=UTC), now, datetime(2026, 11, 23, 5, tzinfo=UTC)),
        ("coupon_life", 30, 0, datetime(2026, 11, 22, 20, 30, tzinfo=UTC)),
    ]
    assert not mask.eligible.any()


def test_a_deadline_between_the_end_of_the_night_and_the_next_hour_is_met() -> None:
    now = datetime(2026, 11, 22, 20, 10, tzinfo=UTC)
    quiet = QuietHours(start=time(22), end=time(8, 30))
    moments, mask = slots(now, TEHRAN, quiet), Mask("send_time", HOURS)

    mask_deadline(mask, moments, datetime(2026, 11, 23, 5, 15, tzinfo=UTC))
    mask_quiet_hours(mask, moments, TEHRAN, quiet)

    assert mask.open_actions == ("08",)
    assert moments["08"] == datetime(2026, 11, 23, 5, tzinfo=UTC)
