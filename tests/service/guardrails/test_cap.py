"""Frequency caps against an oracle that walks five minutes at a time and knows nothing of sorting or searching."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.inputs import CHANNELS
from service.decision_point import DecisionPoint
from service.guardrails.cap import (
    CountedCap,
    CountedGap,
    blocking_cap,
    counted_caps,
    horizon,
    mask_caps,
)
from service.guardrails.mask import Mask
from service.point_limits import Cap, ShopRules
from service.standing import CountedMessage
from tests.service.guardrails.situation import STEP, around, situations

TEHRAN, BERLIN = ZoneInfo("Asia/Tehran"), ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)  # in Tehran
HOUR = timedelta(hours=1)


def steps(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every moment of the grid from start up to end, end excluded."""
    while start < end:
        yield start
        start += STEP


def oracle_rolling(at: datetime, times: list[datetime], hours: float) -> int:
    """The most messages in any span of so many hours that holds the moment."""
    window = timedelta(hours=hours)
    spans = (start for start in steps(at - window + STEP, at + STEP))
    return max(sum(start <= each < start + window for each in times) for start in spans)


def oracle_calendar(at: datetime, times: list[datetime], kind: str, zone: ZoneInfo) -> int:
    """How many messages a calendar on the customer's wall shows on the same page."""

    def page(moment: datetime) -> tuple[int, ...]:
        day: date = moment.astimezone(zone).date()
        return {
            "day": (day.year, day.month, day.day),
            "week": day.isocalendar()[:2],
            "month": (day.year, day.month),
        }[kind]

    return sum(page(each) == page(at) for each in times)


def oracle_used(cap: Cap, at: datetime, times: list[datetime], zone: ZoneInfo) -> int:
    if isinstance(cap.within, str):
        return oracle_calendar(at, times, cap.within, zone)
    return oracle_rolling(at, times, cap.within)


def counted(cap: Cap, times: list[datetime], zone: ZoneInfo) -> CountedCap:
    return CountedCap(cap, tuple(sorted(times)), zone)


def sent(
    at: datetime, journey: str = "wheel", channel: str = "sms", tags: tuple[str, ...] = ()
) -> CountedMessage:
    return CountedMessage(due_at=at, channel=channel, journey=journey, tags=tags)


def wheel(**fields: object) -> DecisionPoint:
    shop = ShopRules.model_validate(fields.pop("shop", {}))
    base = {"journey": "wheel", "description": "The wheel.", "salt": "wheel-1", "tags": ["promotion"]}
    return DecisionPoint.model_validate({**base, **fields}).model_copy(update={"shop": shop})


@settings(max_examples=50, deadline=None)
@given(situations(), st.sampled_from([0.5, 1, 5, 24, 36]), st.data())
def test_a_rolling_cap_counts_the_fullest_span_around_the_moment(
    situation: tuple[datetime, ZoneInfo], hours: float, data: st.DataObject
) -> None:
    at, zone = situation
    times = data.draw(around(at, days=2, size=6))
    cap = Cap(name="any", at_most=1, within=hours)

    assert counted(cap, times, zone).used(at) == oracle_rolling(at, times, hours)


@settings(max_examples=50, deadline=None)
@given(situations(), st.sampled_from(["day", "week", "month"]), st.data())
def test_a_calendar_cap_counts_the_customer_s_own_day_week_or_month(
    situation: tuple[datetime, ZoneInfo], kind: str, data: st.DataObject
) -> None:
    at, zone = situation
    times = data.draw(around(at, days={"day": 2, "week": 9, "month": 40}[kind], size=8))
    cap = Cap(name="page", at_most=1, within=kind)

    assert counted(cap, times, zone).used(at) == oracle_calendar(at, times, kind, zone)


@settings(max_examples=60, deadline=None)
@given(situations(), st.sampled_from([0.5, 3, 12, "day"]), st.integers(1, 3), st.data())
def test_a_cap_frees_up_at_the_first_moment_at_which_the_oracle_lets_a_message_pass(
    situation: tuple[datetime, ZoneInfo], within: float | str, at_most: int, data: st.DataObject
) -> None:
    at, zone = situation
    times = data.draw(around(at, days=1, size=5))
    cap = Cap(name="some", at_most=at_most, within=within)
    free = (
        moment
        for moment in steps(at, at + timedelta(days=4))
        if oracle_used(cap, moment, times, zone) < at_most
    )

    assert counted(cap, times, zone).frees_at(at) == next(free)


@settings(max_examples=50, deadline=None)
@given(situations(), st.sampled_from([0.5, 2, 12]), st.data())
def test_a_minimum_gap_keeps_its_distance_on_both_sides_and_says_when_it_is_wide_enough(
    situation: tuple[datetime, ZoneInfo], hours: float, data: st.DataObject
) -> None:
    at, _ = situation
    times = data.draw(around(at, days=1, size=6))
    gap = CountedGap(hours, tuple(sorted(times)))

    def too_near(moment: datetime) -> bool:
        forbidden = (
            each for near in times for each in steps(near - HOUR * hours + STEP, near + HOUR * hours)
        )
        return moment in forbidden

    assert gap.is_full(at) == too_near(at)
    assert gap.frees_at(at) == next(each for each in steps(at, at + timedelta(days=3)) if not too_near(each))


CAPS = st.builds(
    Cap,
    name=st.sampled_from(["one", "other"]),
    at_most=st.integers(0, 2),
    within=st.sampled_from([1, 24, "day", "week"]),
    channel=st.sampled_from([None, "sms", "email"]),
    tag=st.sampled_from([None, "promotion", "service"]),
)
MESSAGES = st.builds(
    sent,
    at=st.integers(-600, 600).map(lambda step: NOON + STEP * step),
    journey=st.sampled_from(["wheel", "cart"]),
    channel=st.sampled_from(["sms", "email"]),
    tags=st.sampled_from([(), ("promotion",), ("promotion", "service")]),
)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(CAPS, max_size=2, unique_by=lambda cap: cap.name),
    st.lists(CAPS, max_size=2, unique_by=lambda cap: cap.name),
    st.lists(MESSAGES, max_size=5),
    st.sampled_from(CHANNELS),
)
def test_caps_of_journey_shop_channel_and_tag_count_what_they_say_and_the_tightest_wins(
    own: list[Cap], shop: list[Cap], messages: list[CountedMessage], channel: str
) -> None:
    point = wheel(caps=own, shop={"caps": shop})

    blocked = blocking_cap(point, messages, TEHRAN)(channel, NOON)

    broken = [
        (cap, times)
        for caps, journeys in ((own, ("wheel",)), (shop, ("wheel", "cart")))
        for cap in caps
        if cap.channel in (None, channel) and cap.tag in (None, "promotion")
        for times in [
            [
                each.due_at
                for each in messages
                if each.journey in journeys
                and cap.channel in (None, each.channel)
                and (cap.tag is None or cap.tag in each.tags)
            ]
        ]
        if oracle_used(cap, NOON, times, TEHRAN) >= cap.at_most
    ]
    assert (blocked is None) == (not broken)
    if blocked is not None and all(cap.at_most for cap, _ in broken):
        assert blocked.found.frees_at == max(
            counted(cap, times, TEHRAN).frees_at(NOON) for cap, times in broken
        )
    elif blocked is not None:
        assert blocked.found.frees_at is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 287), st.integers(0, 30)), max_size=30),
    st.sampled_from([6.0, 24.0, "day"]),
)
@example([(0, 0), (287, 0), (286, 1)], 24.0)
def test_whatever_is_asked_in_whatever_order_no_span_ever_holds_more_than_the_cap(
    asked: list[tuple[int, int]], within: float | str
) -> None:
    """Each request is for a moment some hours ahead, so that later requests fall before earlier messages."""
    cap, taken = Cap(name="two", at_most=2, within=within), list[datetime]()

    for ahead, passed in asked:
        at = NOON + STEP * (passed + ahead)
        if not counted(cap, taken, BERLIN).is_full(at):
            taken.append(at)

    assert all(oracle_used(cap, each, taken, BERLIN) <= 2 for each in taken)


def test_a_deferral_makes_no_burst_behind_a_message_that_is_scheduled_already() -> None:
    cap = Cap(name="daily", at_most=1, within=24)
    tomorrow = NOON + timedelta(hours=20)

    caps = counted(cap, [tomorrow], TEHRAN)

    assert caps.is_full(NOON)
    assert caps.frees_at(NOON) == tomorrow + timedelta(hours=24)


def test_a_rolling_day_is_not_a_calendar_day() -> None:
    """One message at 23:00 and one at 01:00 are two days on the calendar and two hours on the clock."""
    late, early = datetime(2026, 11, 22, 19, 30, tzinfo=UTC), datetime(2026, 11, 22, 21, 30, tzinfo=UTC)

    rolling = counted(Cap(name="rolling", at_most=1, within=24), [late], TEHRAN)
    calendar = counted(Cap(name="calendar", at_most=1, within="day"), [late], TEHRAN)

    assert rolling.is_full(early)
    assert not calendar.is_full(early)


def test_a_customer_who_moves_is_counted_on_the_new_zone_s_calendar() -> None:
    """23:00 in Berlin is 01:30 of the next day in Tehran (summer time there until 2022)."""
    at = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    cap = Cap(name="daily", at_most=1, within="day")

    assert counted(cap, [at], BERLIN).is_full(at - 2 * HOUR)
    assert not counted(cap, [at], TEHRAN).is_full(at - 2 * HOUR)


@pytest.mark.parametrize(("calendar", "blocked"), [("gregorian", True), ("jalali", False)])
def test_a_month_is_one_of_the_shop_s_calendar(calendar: str, blocked: bool) -> None:
    """A message on the last evening of 1404, another in the first hour of 1405: both of March, not both of Esfand."""
    esfand = datetime(2026, 3, 20, 18, 0, tzinfo=UTC)
    shop = {"calendar": calendar, "caps": [{"name": "monthly", "at_most": 1, "within": "month"}]}

    found = blocking_cap(wheel(shop=shop), [sent(esfand)], TEHRAN)("sms", esfand + 3 * HOUR)

    assert (found is not None) == blocked


def test_a_transactional_message_is_held_back_by_nothing() -> None:
    point = wheel(transactional=True, caps=[{"name": "none", "at_most": 0, "within": "day"}])

    assert blocking_cap(point, [sent(NOON)], TEHRAN)("sms", NOON) is None
    assert horizon(point) == timedelta(0)


def test_a_cap_of_a_tag_that_the_journey_has_not_leaves_it_alone() -> None:
    point = wheel(shop={"caps": [{"name": "service", "at_most": 0, "within": "day", "tag": "service"}]})

    assert counted_caps(point, [], TEHRAN) == []


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({}, 0),
        ({"minimum_gap_hours": 2}, 26),
        ({"caps": [{"name": "d", "at_most": 1, "within": 1}]}, 25),
        ({"caps": [{"name": "d", "at_most": 1, "within": "month"}], "minimum_gap_hours": 4}, 32 * 24 + 24),
    ],
)
def test_the_horizon_reaches_around_the_last_moment_to_which_a_message_may_be_put_off(
    fields: dict[str, object], hours: int
) -> None:
    assert horizon(wheel(**fields)) == timedelta(hours=hours)


def test_an_action_goes_only_if_every_attempt_breaks_a_cap_and_the_reason_tells_all() -> None:
    point = wheel(caps=[{"name": "sms_daily", "at_most": 1, "within": "day", "channel": "sms"}])
    moments = [NOON, NOON + 3 * HOUR]
    mask = Mask("channel", ("email", "sms"))
    attempts = {channel: list(product([channel], moments)) for channel in mask.actions}

    mask_caps(mask, attempts, blocking_cap(point, [sent(NOON - HOUR)], TEHRAN))

    (reason,) = mask.reasons
    assert mask.open_actions == ("email",)
    assert (reason.rule, reason.actions, reason.limit, reason.current) == ("cap:sms_daily", ("sms",), 1, 1)
    assert reason.frees_at == datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
    assert reason.detail == "at most 1 sms messages in one day; 1 sent or scheduled"


def test_an_attempt_tomorrow_that_breaks_nothing_keeps_the_action() -> None:
    point = wheel(caps=[{"name": "daily", "at_most": 1, "within": "day"}])
    mask = Mask("channel", ("sms",))

    mask_caps(
        mask, {"sms": [("sms", NOON), ("sms", NOON + 13 * HOUR)]}, blocking_cap(point, [sent(NOON)], TEHRAN)
    )

    assert mask.open_actions == ("sms",)
    assert mask.reasons == []
