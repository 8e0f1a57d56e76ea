"""The simulated world's truth: shapes that must hold, and draws that agree with it."""

from __future__ import annotations

import numpy as np
import pytest

from models.reward import RewardSpec
from training.simulation.stage import Stage
from training.simulation.traits import draw_for_each

NET_VALUE = RewardSpec(kind="net_value", window_hours=24, delivery="assumed", margin_share=0.2)


@pytest.mark.parametrize("amount", [0.0, 10_000.0, 50_000.0])
def test_drawn_net_values_average_to_the_expected_one(stage: Stage, amount: float) -> None:
    """200 draws for each household; the mean error within 4 standard errors errs once in 15,000 runs."""
    customers = np.repeat(np.arange(len(stage.audience.customer_ids)), 200)
    amounts = np.full(len(customers), amount)

    drawn = stage.world.draw_net_value(np.random.default_rng(0), NET_VALUE, customers, amounts)

    error = drawn - stage.world.expected_net_value(NET_VALUE, customers, amounts)
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))


def test_a_larger_coupon_converts_more_and_none_converts_nobody(stage: Stage) -> None:
    customers = np.arange(len(stage.audience.customer_ids))
    sizes = (0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0, 50_000.0)

    rates = [stage.world.conversion_probability(customers, np.full(len(customers), c), 24) for c in sizes]

    assert np.all(rates[0] == 0)
    assert np.all(np.diff(np.array(rates), axis=0) > 0)


def test_the_best_coupon_is_not_the_same_for_everyone(stage: Stage) -> None:
    customers = np.arange(len(stage.audience.customer_ids))
    amounts = np.array([0.0, 10_000, 20_000, 30_000, 40_000, 50_000])

    values = [
        stage.world.expected_net_value(NET_VALUE, customers, np.full(len(customers), c)) for c in amounts
    ]

    best = np.bincount(np.argmax(values, axis=0), minlength=len(amounts))
    assert (best > 0).sum() >= 3
    assert best.max() < 0.8 * len(customers)


def test_waiting_costs_clicks_and_a_favourite_hour_brings_them(stage: Stage) -> None:
    customers = np.arange(len(stage.audience.customer_ids))
    app_push, favourite = np.full(len(customers), 2), np.argmax(stage.world.taste.hours, axis=1)
    dullest, at_once = np.argmin(stage.world.taste.hours, axis=1), np.zeros(len(customers))

    now = stage.world.click_probability(customers, app_push, favourite, at_once)

    assert np.all(now > stage.world.click_probability(customers, app_push, favourite, at_once + 12))
    assert np.all(now > stage.world.click_probability(customers, app_push, dullest, at_once))


def test_what_a_household_draws_depends_on_itself_alone() -> None:
    alone = draw_for_each(("b",), 0, "taste", 3)

    among_others = draw_for_each(("a", "b", "c"), 0, "taste", 5)

    assert np.array_equal(among_others[1, :3], alone[0])
    assert not np.array_equal(draw_for_each(("b",), 1, "taste", 3), alone)
    assert not np.array_equal(draw_for_each(("b",), 0, "habit", 3), alone)
