"""The shadow price: never negative, monotone in both shares, and a day's budget lasts the day."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.context import Standardizer
from models.coupon import CouponThompson
from models.feedback import Floats
from models.inputs import BUDGET_PRICE
from models.policy import choose
from service.guardrails.pacing import HIGHEST, elapsed_share, shadow_price
from service.guardrails.period import period_of

ACTIONS = ("none", "10000", "20000", "30000", "40000", "50000")
SHARES = st.floats(0, 1)
MINUTES, CALLS = 1440, 3


@given(SHARES, SHARES)
def test_it_is_nought_exactly_while_the_budget_lasts_as_long_as_the_day(used: float, elapsed: float) -> None:
    price = shadow_price(used_share=used, elapsed_share=elapsed)

    assert 0 <= price <= HIGHEST
    assert (price == 0) == (1 - elapsed <= 1 - used)


@given(SHARES, SHARES, SHARES)
def test_it_rises_with_what_is_used_and_falls_with_the_hours(
    used: float, more: float, elapsed: float
) -> None:
    less, most = sorted((used, more))

    assert shadow_price(used_share=less, elapsed_share=elapsed) <= shadow_price(
        used_share=most, elapsed_share=elapsed
    )
    assert shadow_price(used_share=elapsed, elapsed_share=less) >= shadow_price(
        used_share=elapsed, elapsed_share=most
    )


def test_without_gain_there_is_no_price() -> None:
    assert shadow_price(used_share=0.9, elapsed_share=0.1, gain=0) == 0


@pytest.mark.parametrize(("hour", "share"), [(0, 0.0), (11, 11 / 23), (23, 1.0), (30, 1.0)])
def test_a_day_on_which_the_clock_is_put_forward_is_over_sooner(hour: int, share: float) -> None:
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    day = period_of("day", start, ZoneInfo("Europe/Berlin"))

    assert elapsed_share(
        day, start.replace(day=28) + (day.ends_at - day.starts_at) / 23 * hour
    ) == pytest.approx(share)


@pytest.fixture(scope="module")
def policy() -> CouponThompson:
    """A policy that learnt a world in which nearly everybody is worth a coupon."""
    rng = np.random.default_rng(0)
    taught = CouponThompson(
        action_names=ACTIONS,
        input_names=("liking", BUDGET_PRICE),
        effect_inputs=("liking",),
        effect_scale=1.0,
        standardizer=Standardizer(np.zeros(1), np.ones(1)),
    )
    liking, actions = rng.normal(size=20_000), rng.integers(0, 6, 20_000)
    persuaded = 0.4 * np.minimum(actions * 3 / 5, 1) / (1 + np.exp(liking))
    came = rng.random(20_000) < 0.3 + 0.05 * np.clip(liking, -3, 3) + persuaded
    taught.learn_many(
        np.column_stack([liking, np.zeros(20_000)]), actions, np.where(came, 61 - 10 * actions, 0.0)
    )
    return taught


def spend_a_day(policy: CouponThompson, limit: int, gain: float) -> Floats:
    """The used share of the budget at the end of every minute of a day, `(MINUTES,)`, priced anew each minute."""
    rng = np.random.default_rng(1)
    amounts = np.array([0, *map(int, ACTIONS[1:])])
    used, shares = 0, np.empty(MINUTES)
    for minute in range(MINUTES):
        price = shadow_price(used_share=used / limit, elapsed_share=minute / MINUTES, gain=gain)
        for liking, u in zip(rng.normal(size=CALLS), rng.random(CALLS), strict=True):
            eligible = amounts <= limit - used
            probabilities = policy.probabilities(np.array([liking, price]), eligible)
            used += int(amounts[choose(probabilities, u)])
        shares[minute] = used / limit
    return shares


def test_with_the_price_the_budget_lasts_the_day_and_without_it_is_gone_by_noon(
    policy: CouponThompson,
) -> None:
    """A budget of two fifths of what would be given freely; never more than 6 % off an even day, in one seeded day."""
    free = spend_a_day(policy, 10**12, gain=0)[-1] * 10**12
    limit = int(0.4 * free)
    even = (np.arange(MINUTES) + 1) / MINUTES

    without, paced = (spend_a_day(policy, limit, gain) for gain in (0.0, 20.0))

    assert without[MINUTES // 2 - 1] > 0.999
    assert np.abs(paced - even).max() < 0.06
    assert 0.97 < paced[-1] <= 1
