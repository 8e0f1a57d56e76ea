"""What orders cost: the talk's worked example, and what hold-outs add to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.measures.economics import (
    CustomerSums,
    cost_per_incremental_order,
    cost_per_order,
    economics,
    incremental_orders,
)


def sums(n: int, orders: int, *, messages: int = 0, discount: float = 0.0) -> CustomerSums:
    """n customers of whom the first ones ordered once, with that discount, and the first ones were sent a message."""
    bought = (np.arange(n) < orders).astype(float)
    return CustomerSums(
        messages=(np.arange(n) < messages).astype(float),
        orders=bought,
        revenue=bought * 300_000,
        discount=bought * discount,
    )


def test_the_talks_worked_example_comes_out() -> None:
    """100 users, 30 orders at 30,000 of discount and 30 messages at 100; acquisition: 500,000 for 3 orders."""
    acquisition = cost_per_order(500_000, 3)

    (row,) = economics(
        {("promotion", "decisioning"): sums(100, 30, messages=30, discount=30_000)},
        message_cost=100,
        acquisition_cost=acquisition,
    )

    assert (row.discount_cost, row.message_cost, row.cost) == (900_000, 3_000, 903_000)
    assert row.cost_per_order == 903_000 / 30 == 30_100
    assert round(acquisition) == 166_667
    assert row.acquisition_cost == acquisition


def test_orders_that_would_have_come_anyway_make_an_order_dearer() -> None:
    groups = {
        ("wheel", "decisioning"): sums(10_000, 1_200, messages=10_000, discount=30_000),
        ("wheel", "holdout"): sums(2_000, 200),
    }

    row, held_out = economics(groups, message_cost=100, acquisition_cost=500_000)

    assert row.incremental_orders == pytest.approx(10_000 * (0.12 - 0.10))
    error = 10_000 * math.sqrt(0.12 * 0.88 / 9_999 + 0.1 * 0.9 / 1_999)
    assert row.incremental_orders_high == pytest.approx(200 + 1.96 * error, rel=1e-4)
    assert row.cost_per_incremental_order == pytest.approx(37_000_000 / 200)
    assert row.cost_per_order == pytest.approx(37_000_000 / 1_200)
    assert row.cost_share_of_acquisition == pytest.approx(0.37)
    assert math.isnan(held_out.incremental_orders)
    assert held_out.cost_per_order == 0


def test_an_increment_that_was_not_shown_has_no_price() -> None:
    mine, others = sums(1_000, 101), sums(1_000, 100)

    assert incremental_orders(mine.orders, others.orders).low < 0
    assert all(map(math.isnan, cost_per_incremental_order(mine.cost(1), mine.orders, others.orders)))


def test_without_a_hold_out_nothing_incremental_is_known() -> None:
    (row,) = economics({("wheel", "random"): sums(100, 10)}, message_cost=0, acquisition_cost=None)

    assert math.isnan(row.incremental_orders)
    assert math.isnan(row.cost_share_of_acquisition)


def test_the_price_of_an_incremental_order_is_covered_as_often_as_its_interval_says() -> None:
    """1,000 experiments: 95 % is missed by more than 2 points with a chance of 0.4 %."""
    rng = np.random.default_rng(5)
    n, covered = 4_000, 0
    for _ in range(1_000):
        orders, held_out = rng.poisson(0.5, n).astype(float), rng.poisson(0.3, n // 2).astype(float)
        found = cost_per_incremental_order(100 + 1_000 * orders, orders, held_out)
        covered += found.low <= (100 + 1_000 * 0.5) / 0.2 <= found.high

    assert covered / 1_000 == pytest.approx(0.95, abs=0.02)
