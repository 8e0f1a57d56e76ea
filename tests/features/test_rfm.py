"""The view `rfm` by hand."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from features.rfm import rfm


def test_counts_sums_and_gaps_of_four_orders(shop: Any) -> None:
    shop.customer("a", "2023-01-01")
    shop.order("a", "2024-01-01", amount=100, discount=100)
    shop.order("a", "2024-02-20", amount=200)
    shop.order("a", "2024-02-24", amount=300, discount=100)
    shop.order("a", "2024-02-28T12:00", amount=400)

    row = shop.features(rfm, "2024-03-01")["a", "2024-03-01"]

    gaps = [50.0, 4.0, 4.5]
    assert row["recency_days"] == 1.5
    assert [row[f"orders_{days}d"] for days in (7, 14, 28, 90, 365)] == [2, 3, 3, 4, 4]
    assert [row[f"weeks_with_order_{days}d"] for days in (84, 364)] == [3, 3]
    assert [row[f"spend_{days}d"] for days in (7, 28, 90, 365)] == [700, 900, 1000, 1000]
    assert row["average_order_value"] == 250
    assert row["gap_mean_days"] == pytest.approx(statistics.mean(gaps))
    assert row["gap_std_days"] == pytest.approx(statistics.stdev(gaps))
    assert row["recency_over_gap"] == pytest.approx(1.5 / statistics.mean(gaps))
    assert row["discount_share_90d"] == pytest.approx(200 / 1200)


def test_price_sensitivity_is_of_the_last_years_orders(shop: Any) -> None:
    for name in "ab":
        shop.customer(name, "2022-01-01")
    shop.order("a", "2023-01-01", amount=100, discount=900)
    shop.order("a", "2023-06-01", amount=300, discount=100)
    shop.order("a", "2024-02-20", amount=400)
    shop.order("a", "2024-02-24", amount=150, discount=50)
    shop.order("b", "2024-02-24", amount=150)

    found = shop.features(rfm, "2024-03-01")

    names = ("discount_share_365d", "discounted_order_share_365d", "mean_discount_365d")
    a, b = ([found[name, "2024-03-01"][feature] for feature in names] for name in "ab")
    assert a == [150 / 1000, 2 / 3, 75]
    assert b == [0, 0, None]


def test_a_gap_that_began_before_the_year_does_not_count(shop: Any) -> None:
    shop.customer("a", "2022-01-01")
    for day in ("2022-06-01", "2024-02-01", "2024-02-11"):
        shop.order("a", day)

    row = shop.features(rfm, "2024-03-01")["a", "2024-03-01"]

    assert row["gap_mean_days"] == 10
    assert row["gap_std_days"] is None
    assert row["orders_365d"] == 2


def test_without_orders_counts_are_zero_and_the_rest_is_null(shop: Any) -> None:
    shop.customer("a", "2024-01-01")
    shop.customer("b", "2024-01-01")
    shop.order("b", "2024-02-01")

    row = shop.features(rfm, "2024-03-01")["a", "2024-03-01"]

    zero = {name for name, value in row.items() if value == 0}
    null = {name for name, value in row.items() if value is None}
    assert zero == {name for name in row if name.startswith(("orders_", "spend_", "weeks_"))}
    assert null == set(row) - zero


def test_an_order_exactly_a_window_old_still_counts_and_one_at_the_as_of_time_does_not(shop: Any) -> None:
    shop.customer("a", "2024-01-01")
    shop.order("a", "2024-02-23")
    shop.order("a", "2024-03-01")

    row = shop.features(rfm, "2024-03-01")["a", "2024-03-01"]

    assert row["orders_7d"] == 1
    assert row["recency_days"] == 7


def test_a_week_with_several_orders_counts_once_and_weeks_go_back_from_the_moment(shop: Any) -> None:
    shop.customer("a", "2023-01-01")
    for day in ("2023-12-08", "2024-02-22", "2024-02-23", "2024-02-29T08:00", "2024-02-29T09:00"):
        shop.order("a", day)

    row = shop.features(rfm, "2024-03-01")["a", "2024-03-01"]

    assert row["weeks_with_order_84d"] == 3
    assert row["weeks_with_order_364d"] == 3
