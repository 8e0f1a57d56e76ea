"""The view `engagement` by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ibis
import pyarrow.compute as pc
import pytest

from features.engagement import (
    ACTIVITY_PSEUDO_ACTIONS,
    CLICK_PSEUDO_DELIVERIES,
    engagement,
    population_terms,
)
from features.history import as_of_table
from tests.features.conftest import at

SMS, EMAIL = '{"channel": "sms"}', '{"template": "b", "channel":"email"}'


def test_messages_are_counted_per_channel_and_rates_shrink_to_the_populations(shop: Any) -> None:
    shop.customer("a", "2024-01-01")
    shop.customer("b", "2024-01-01")
    for name, delivered, clicked in (("a", 4, 2), ("b", 16, 0)):
        for day in range(delivered):
            shop.event(name, "message_delivered", f"2024-02-{day + 1:02d}", SMS)
        for day in range(clicked):
            shop.event(name, "message_clicked", f"2024-02-{day + 1:02d}", SMS)
    shop.event("a", "message_sent", "2024-02-02", EMAIL)
    shop.event("a", "message_sent", "2024-01-02", EMAIL)

    found = shop.features(engagement, "2024-03-01")

    a, k = found["a", "2024-03-01"], CLICK_PSEUDO_DELIVERIES
    assert (a["delivered_sms_90d"], a["clicked_sms_90d"], a["sent_email_28d"]) == (4, 2, 1)
    assert a["click_rate_sms"] == pytest.approx((2 + k * 2 / 20) / (4 + k))
    assert found["b", "2024-03-01"]["click_rate_sms"] == pytest.approx((0 + k * 2 / 20) / (16 + k))
    assert a["click_rate_email"] is None


def test_more_clicks_than_deliveries_make_no_rate_above_one(shop: Any) -> None:
    shop.customer("a", "2024-01-01")
    shop.event("a", "message_delivered", "2024-02-01", SMS)
    for minute in range(9):
        shop.event("a", "message_clicked", f"2024-02-01T10:0{minute}", SMS)

    row = shop.features(engagement, "2024-03-01")["a", "2024-03-01"]

    assert row["clicked_sms_90d"] == 9
    assert row["click_rate_sms"] == 1


def test_activity_is_in_the_customers_own_hour_summer_time_included(shop: Any) -> None:
    shop.shop_time_zone = "Asia/Tehran"
    for name, zone in (("berlin", "Europe/Berlin"), ("shop's", "")):
        shop.customer(name, "2024-01-01", time_zone=zone)
        shop.order(name, "2024-03-30T10:00")  # the day before Berlin's summer time
        shop.order(name, "2024-03-31T10:00")

    found = shop.features(engagement, "2024-04-15")

    berlin, shops = (found[name, "2024-04-15"]["activity_by_hour"] for name in ("berlin", "shop's"))
    k = ACTIVITY_PSEUDO_ACTIONS
    population = [(count + 1) / (4 + 24) for count in (0, 1, 1, 2)]  # the hours 10, 11, 12 and 13
    assert berlin[10:14] == pytest.approx([(n + k * q) / (2 + k) for n, q in zip((0, 1, 1, 0), population)])  # noqa: B905
    assert shops[13] == pytest.approx((2 + k * population[3]) / (2 + k))
    assert sum(berlin) == pytest.approx(1)


def test_a_customer_without_actions_has_the_populations_curve(shop: Any) -> None:
    shop.customer("quiet", "2024-01-01")

    row = shop.features(engagement, "2024-03-01")["quiet", "2024-03-01"]

    assert row["activity_by_hour"] == pytest.approx([1 / 24] * 24)


def test_features_of_one_customer_under_the_stored_terms_are_those_within_the_base(
    busy_shop: Callable[[], Any],
) -> None:
    base, alone = busy_shop(), busy_shop()
    times = as_of_table([at("2024-03-05"), at("2024-04-01")])
    stored = base.backend.to_pyarrow(population_terms(base.sources(), times))
    for table, rows in alone.tables.items():
        alone.tables[table] = [row for row in rows if row.get("customer_id") == "customer 1"]

    sources = replace(alone.sources(), population=ibis.memtable(stored))
    found = base.backend.to_pyarrow(engagement(sources, times)).sort_by("event_timestamp")

    within = base.backend.to_pyarrow(engagement(base.sources(), times)).sort_by("event_timestamp")
    assert found.equals(within.filter(pc.equal(within["customer_id"], "customer 1")))
    assert stored.num_rows == 2
