"""Between one computation and the moment that is noted for the next, no feature but an age changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import ibis
import pytest

from features.base import as_table
from features.definitions import DEFINITIONS
from features.due import next_change
from features.filled import NOBODY
from features.history import as_of_table
from features.recompute import READ
from features.schema import load_schema
from tests.features.conftest import Shop, at

LEFT_OUT = {each.name for each in load_schema().features if each.grows_every_s or each.quotient}
VIEWS = ("rfm", "funnel", "coupons", "topics", "engagement")


@pytest.mark.parametrize("as_of", ["2024-03-01T00:00:01", "2024-04-02T10:00:00", "2025-02-20T00:00:00"])
def test_no_count_changes_before_it_is_due(busy_shop: Callable[[], Shop], as_of: str) -> None:
    shop = busy_shop()

    due = next_change({name: as_table(name, shop.tables[name]) for name in READ}, at(as_of))

    assert due.keys() == {"customer 0", "customer 1", "customer 2"}
    before = {who: moment - timedelta(seconds=1) for who, moment in due.items()}
    found = facts(shop, [at(as_of), *before.values()])
    for who, moment in before.items():
        assert moment >= at(as_of)
        assert found[who, moment] == found[who, at(as_of)]


def test_a_count_changes_at_the_moment_that_is_noted(busy_shop: Callable[[], Shop]) -> None:
    shop = busy_shop()
    shop.tables = {name: [row for row in rows if name == "customers"] for name, rows in shop.tables.items()}
    shop.order("customer 0", "2024-03-01T12:00:00.5")
    shop.event("customer 1", "product_viewed", "2024-03-01T12:00:00")

    due = next_change({name: as_table(name, shop.tables[name]) for name in READ}, at("2024-03-01T12:00"))

    assert due == {"customer 0": at("2024-03-01T12:00:01"), "customer 1": at("2024-03-01T12:00:01")}
    again = next_change({name: as_table(name, shop.tables[name]) for name in READ}, at("2024-03-03"))
    assert again == {"customer 0": at("2024-03-08T12:00:01"), "customer 1": at("2024-03-08T12:00:01")}


def facts(shop: Shop, times: list[datetime]) -> dict[tuple[str, datetime], list[Any]]:
    """The features by customer and time, those left out that grow with it."""
    naive = [moment.replace(tzinfo=None) for moment in sorted(set(times))]
    terms = ibis.memtable(
        {"event_timestamp": naive, **{t: [v or 0.5] * len(naive) for t, v in NOBODY.items()}}
    )
    sources = replace(shop.sources(), population=terms)
    found: dict[tuple[str, datetime], list[Any]] = {}
    for name in VIEWS:
        rows = shop.backend.to_pyarrow(DEFINITIONS[name](sources, as_of_table(times))).to_pylist()
        for row in rows:
            key = (row.pop("customer_id"), at(row.pop("event_timestamp").isoformat()))
            found.setdefault(key, []).append({k: v for k, v in row.items() if k not in LEFT_OUT})
    return found
