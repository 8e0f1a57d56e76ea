"""Intervals hold what they promise, and are made of customers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.measures.interval import mean_of, ratio_of, share_of


def test_a_share_has_the_published_score_interval() -> None:
    found = share_of(81, 263)

    assert found == pytest.approx((0.3080, 0.2553, 0.3662), abs=1e-4)  # Newcombe (1998), table I, method 3


def test_a_share_of_nobody_is_not_known() -> None:
    assert all(math.isnan(each) for each in share_of(0, 0))


def test_a_ratio_covers_the_truth_as_often_as_it_says_though_the_orders_of_a_customer_are_alike() -> None:
    """2,000 shops of 300 customers: 95 % is missed by more than 1.5 points with a chance of 0.2 %."""
    rng = np.random.default_rng(0)
    covered = naive = 0
    for _ in range(2_000):
        level, orders = rng.lognormal(0, 0.5, 300), 1.0 + rng.poisson(3.0, 300)
        found = ratio_of(level * orders, orders)
        truth = math.exp(0.125)
        covered += found.low <= truth <= found.high
        each = np.repeat(level, orders.astype(int))
        half = 1.96 * each.std() / math.sqrt(len(each))
        naive += abs(each.mean() - truth) <= half

    assert covered / 2_000 == pytest.approx(0.95, abs=0.015)
    assert naive / 2_000 < 0.8


def test_a_constant_has_no_width_and_one_customer_no_interval() -> None:
    assert ratio_of(np.array([6.0, 2.0]), np.array([3.0, 1.0])) == (2.0, 2.0, 2.0)
    assert math.isnan(mean_of(np.array([5.0])).low)
