"""Intervals hold what they promise, and are made of customers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.measures.interval import clustered_share_of, mean_of, ratio_of, share_of


def test_a_share_has_the_published_score_interval() -> None:
    found = share_of(81, 263)

    assert list(found) == pytest.approx(
        [0.3080, 0.2553, 0.3662], abs=1e-4
    )  # Newcombe (1998), table I, method 3


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


def test_a_click_rate_covers_the_truth_though_customers_differ_and_few_click() -> None:
    """1,000 times 60 customers of 5 messages each; less than 92 % by chance at a true 95 %: once in 10,000."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(1_000):
        rates = rng.beta(0.4, 3.6, 60)
        found = clustered_share_of(rng.binomial(5, rates).astype(float), np.full(60, 5.0))
        covered += found.low <= 0.1 <= found.high

    assert covered / 1_000 >= 0.92


def test_messages_of_one_customer_are_one_piece_of_news() -> None:
    alone = clustered_share_of(np.array([9.0]), np.array([9.0]))

    assert alone == share_of(1, 1)
    one_each = clustered_share_of(np.repeat([1.0, 0.0], [100, 300]), np.ones(400))
    assert list(one_each) == pytest.approx(list(share_of(100, 400)), abs=1e-3)
