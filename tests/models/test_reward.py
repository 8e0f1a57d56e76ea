"""Outcomes to a reward, branch by branch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from models.reward import Outcome, OutcomeKind, Resolution, RewardSpec, State, resolve

SENT = datetime(2026, 11, 22, 9, tzinfo=UTC)
CLICK = RewardSpec(kind="click", window_hours=48, message_cost=0.002, unsubscribe_cost=1.0)
VALUE = RewardSpec(kind="net_value", window_hours=24, margin_share=0.2, message_cost=0.05)
VOID, PENDING = Resolution(State.VOID), Resolution(State.PENDING)


def came(kind: str, value: float = 0.0, *, hours: float = 1.0) -> Outcome:
    return Outcome(OutcomeKind(kind), value, SENT + timedelta(hours=hours))


def after(hours: float, spec: RewardSpec, outcomes: Sequence[Outcome]) -> Resolution:
    return resolve(spec, outcomes, effective_at=SENT, now=SENT + timedelta(hours=hours))


def earned(reward: float) -> Resolution:
    return Resolution(State.RESOLVED, pytest.approx(reward))


def so_far(reward: float) -> Resolution:
    return Resolution(State.OPEN, pytest.approx(reward))


@pytest.mark.parametrize("outcomes", [[came("delivered"), came("clicked")], [came("clicked")]])
def test_a_click_counts_as_soon_as_it_comes_reported_as_delivered_or_not(outcomes: list[Outcome]) -> None:
    assert after(2, CLICK, outcomes) == so_far(1 - 0.002)
    assert after(60, CLICK, outcomes) == earned(1 - 0.002)


def test_two_clicks_count_once() -> None:
    assert after(60, CLICK, [came("clicked"), came("clicked", hours=1.5)]) == earned(1 - 0.002)


def test_before_any_sign_of_delivery_nothing_is_known() -> None:
    assert after(2, CLICK, []) == PENDING


@pytest.mark.parametrize("seen", ["delivered", "opened"])
def test_inside_the_window_silence_is_open_not_a_zero(seen: str) -> None:
    assert after(2, CLICK, [came(seen)]) == so_far(-0.002)


def test_what_is_certain_to_be_shown_is_open_from_when_it_takes_effect() -> None:
    certain = replace(CLICK, delivery="assumed")

    assert after(-1, certain, []) == PENDING
    assert after(0, certain, []) == so_far(-0.002)


def test_an_order_before_the_message_was_sent_or_seen_is_none_of_its_doing() -> None:
    early = came("purchased", 100_000, hours=-3)

    assert after(30, VALUE, [came("delivered"), early]) == earned(-0.05)
    assert after(30, VALUE, [came("delivered", hours=-4), early]) == earned(20 - 0.05)


@pytest.mark.parametrize("hours", [47.0, 48.0])
def test_the_window_includes_its_last_moment(hours: float) -> None:
    assert after(hours, CLICK, [came("delivered")]) == so_far(-0.002)
    assert after(60, CLICK, [came("delivered"), came("clicked", hours=hours)]) == earned(1 - 0.002)


@pytest.mark.parametrize("seen", ["delivered", "opened"])
def test_seen_and_not_clicked_is_zero_less_its_cost_once_the_window_closed(seen: str) -> None:
    assert after(48.1, CLICK, [came(seen)]) == earned(-0.002)


def test_a_click_after_the_window_is_none() -> None:
    assert after(60, CLICK, [came("delivered"), came("clicked", hours=49)]) == earned(-0.002)


def test_silence_is_no_zero_where_deliveries_are_reported() -> None:
    assert after(60, CLICK, []) == VOID


def test_silence_is_zero_where_showing_is_certain() -> None:
    assert after(60, replace(CLICK, delivery="assumed"), []) == earned(-0.002)


def test_a_late_report_of_delivery_still_says_that_it_was_delivered() -> None:
    assert after(60, CLICK, [came("delivered", hours=55)]) == earned(-0.002)


@pytest.mark.parametrize("hours", [2, 60])
def test_undelivered_is_void_at_once_and_for_ever(hours: float) -> None:
    assert after(hours, CLICK, [came("undelivered")]) == VOID


@pytest.mark.parametrize("seen", ["delivered", "opened", "clicked", "redeemed"])
def test_one_sign_of_having_been_seen_outweighs_an_undelivered(seen: str) -> None:
    assert after(60, CLICK, [came("undelivered"), came(seen, hours=2)]).state is State.RESOLVED


def test_unsubscribing_costs_whether_or_not_there_was_a_click() -> None:
    left = came("unsubscribed", hours=3)

    assert after(60, CLICK, [came("delivered"), left]) == earned(-0.002 - 1.0)
    assert after(60, CLICK, [came("clicked"), left]) == earned(1 - 0.002 - 1.0)


def test_an_order_earns_its_margin_less_the_coupon_and_the_message_in_thousands() -> None:
    outcomes = [came("delivered"), came("purchased", 500_000), came("redeemed", 20_000)]

    assert after(2, VALUE, outcomes) == so_far(0.2 * 500 - 20 - 0.05)
    assert after(30, VALUE, outcomes) == earned(0.2 * 500 - 20 - 0.05)


def test_a_click_earns_nothing_where_an_order_is_waited_for() -> None:
    assert after(2, VALUE, [came("clicked")]) == so_far(-0.05)
    assert after(25, VALUE, [came("clicked")]) == earned(-0.05)


def test_a_second_order_inside_the_window_adds_and_one_after_it_does_not() -> None:
    first, second, late = (came("purchased", 100_000, hours=hours) for hours in (1, 23, 25))

    told = [came("delivered"), first, second]

    assert after(24, VALUE, told) == so_far(40 - 0.05)
    assert after(30, VALUE, [*told, late]) == earned(40 - 0.05)


def test_a_refund_takes_back_its_margin_even_after_the_window() -> None:
    outcomes = [came("purchased", 100_000), came("redeemed", 10_000), came("refunded", 100_000, hours=200)]

    assert after(300, VALUE, outcomes) == earned(-10 - 0.05)


def test_an_order_without_a_sign_of_delivery_is_left_out_as_its_silence_would_be() -> None:
    assert after(30, VALUE, [came("purchased", 100_000)]).state is State.VOID
    assert after(30, VALUE, [came("purchased", 100_000), came("delivered")]) == earned(20 - 0.05)


def test_a_refund_of_an_order_that_was_not_counted_takes_nothing_back() -> None:
    outcomes = [
        came("delivered"),
        came("purchased", 100_000, hours=200),
        came("refunded", 100_000, hours=300),
    ]

    assert after(400, VALUE, outcomes) == earned(-0.05)


def test_an_unsubscription_is_a_sign_of_delivery_and_costs() -> None:
    spec = replace(CLICK, unsubscribe_cost=1.0)

    assert after(100, spec, [came("unsubscribed")]).reward < -0.9


def test_without_a_message_no_order_is_worth_nothing_not_unknown() -> None:
    assert after(30, replace(VALUE, delivery="assumed", message_cost=0.0), []) == earned(0.0)


def test_the_order_in_which_outcomes_arrive_does_not_matter() -> None:
    outcomes = [came("delivered"), came("purchased", 70_000, hours=2), came("redeemed", 10_000, hours=2)]

    found = {after(5, VALUE, those).reward for those in permutations(outcomes)}

    assert len(found) == 1


def test_a_message_costs_what_its_channel_does_and_nothing_where_none_was_sent() -> None:
    spec = replace(CLICK, message_cost={"sms": 0.004, "email": 0.001})

    def miss(channel: str | None) -> Resolution:
        closed = SENT + timedelta(hours=60)
        return resolve(spec, [came("delivered")], effective_at=SENT, now=closed, channel=channel)

    assert miss("sms") == earned(-0.004)
    assert miss("email") == earned(-0.001)
    assert miss("app_push") == miss(None) == earned(0)


def test_bounds_hold_the_least_and_the_most_of_every_channel() -> None:
    spec = replace(CLICK, message_cost={"sms": 0.004, "email": 0.001}, unsubscribe_cost=0.5)

    assert spec.bounds == (pytest.approx(-0.504), 1.0)
    assert VALUE.bounds == (-math.inf, math.inf)
