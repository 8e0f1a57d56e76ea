"""The view `funnel` by hand."""

from __future__ import annotations

from typing import Any

from features.funnel import funnel


def test_steps_are_counted_per_window_and_aged_in_minutes(shop: Any) -> None:
    shop.customer("a", "2024-01-01")
    shop.event("a", "product_viewed", "2024-02-29T23:30")
    shop.event("a", "product_viewed", "2024-02-27")
    shop.event("a", "added_to_cart", "2024-02-10")

    row = shop.features(funnel, "2024-03-01")["a", "2024-03-01"]

    assert [row[f"product_views_{days}d"] for days in (1, 7, 28)] == [1, 2, 2]
    assert [row[f"adds_to_cart_{days}d"] for days in (1, 7, 28)] == [0, 0, 1]
    assert row["minutes_since_product_view"] == 30
    assert row["minutes_since_add_to_cart"] == 20 * 24 * 60
    assert row["minutes_since_cart_view"] is None


def test_purchases_are_the_orders_and_not_the_purchased_events(shop: Any) -> None:
    shop.customer("a", "2024-01-01")
    shop.order("a", "2024-02-29T23:00")
    shop.event("a", "purchased", "2024-02-29T23:00")

    row = shop.features(funnel, "2024-03-01")["a", "2024-03-01"]

    assert [row[f"purchases_{days}d"] for days in (1, 7, 28)] == [1, 1, 1]
    assert row["minutes_since_purchase"] == 60
