"""The view `coupons` by hand."""

from __future__ import annotations

from typing import Any

from features.coupons import coupons


def test_received_redeemed_and_expired_coupons(shop: Any) -> None:
    shop.customer("a", "2023-01-01")
    shop.campaign("a", "used", "2023-12-01", "2023-12-31")
    shop.campaign("a", "unused", "2024-02-05", "2024-02-20")
    shop.campaign("a", "running", "2024-02-20", "2024-03-20")
    shop.campaign("a", "to come", "2024-03-05", "2024-03-20")
    shop.redemption("a", "used", "2023-12-30")
    shop.redemption("a", "running", "2024-02-25")

    row = shop.features(coupons, "2024-03-01")["a", "2024-03-01"]

    assert row == {
        "coupons_won_28d": 2,
        "coupons_won_365d": 3,
        "coupons_redeemed_28d": 1,
        "coupons_redeemed_365d": 2,
        "coupons_expired_365d": 1,
        "days_since_redemption": 5,
        "coupon_use_share_365d": 2 / 3,
    }


def test_a_coupon_redeemed_later_had_run_out_unused_until_then(shop: Any) -> None:
    shop.customer("a", "2023-01-01")
    shop.campaign("a", "late", "2024-02-01", "2024-02-10")
    shop.redemption("a", "late", "2024-03-02")

    found = shop.features(coupons, "2024-03-01", "2024-04-01")

    assert found["a", "2024-03-01"]["coupons_expired_365d"] == 1
    assert found["a", "2024-04-01"]["coupons_expired_365d"] == 0
    assert found["a", "2024-03-01"]["days_since_redemption"] is None
    assert [found["a", day]["coupon_use_share_365d"] for day in ("2024-03-01", "2024-04-01")] == [0, 1]


def test_the_share_of_used_coupons_is_of_those_received_in_the_year_and_unknown_without_any(
    shop: Any,
) -> None:
    for name in "ab":
        shop.customer(name, "2022-01-01")
    shop.campaign("a", "old", "2023-02-01", "2023-12-31")
    shop.redemption("a", "old", "2023-12-30")
    shop.campaign("b", "new", "2023-12-01", "2023-12-31")
    for day in ("2023-12-30", "2023-12-31"):
        shop.redemption("b", "new", day)

    found = shop.features(coupons, "2024-03-01")

    assert found["a", "2024-03-01"]["coupons_redeemed_365d"] == 1
    assert found["a", "2024-03-01"]["coupon_use_share_365d"] is None
    assert found["b", "2024-03-01"]["coupon_use_share_365d"] == 1
