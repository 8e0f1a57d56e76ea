"""Snapshots: nothing of the future in them, the declared columns, the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.definitions import DEFINITIONS, DefinitionError, view_rows
from features.history import as_of_table
from features.offline import build_snapshots, data_end
from features.schema import load_schema

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
TIMES = {
    "orders": "ordered_at",
    "events": "occurred_at",
    "campaigns": "starts_at",
    "redemptions": "redeemed_at",
}
VIEWS = [view.name for view in load_schema().views]


def delete_the_future(shop: Any) -> None:
    for table, time in TIMES.items():
        shop.tables[table] = [row for row in shop.tables[table] if row[time] < AS_OF]


def change_the_future(shop: Any) -> None:
    for row in shop.tables["orders"]:
        if row["ordered_at"] >= AS_OF:
            row["amount"], row["discount"] = row["amount"] * 7, 999
    for row in shop.tables["events"]:
        if row["occurred_at"] >= AS_OF:
            row["event"], row["properties"] = "message_opened", '{"channel": "email"}'
    for row in shop.tables["campaigns"]:
        if row["ends_at"] >= AS_OF:
            row["ends_at"] = AS_OF


def add_to_the_future(shop: Any) -> None:
    shop.customer("newcomer", "2024-03-01", time_zone="Pacific/Auckland")
    for customer in ("customer 0", "newcomer"):
        for time in ("2024-03-01", "2024-03-01T00:00:01", "2025-06-01"):
            shop.order(customer, time, amount=10**9)
            shop.event(customer, "payment_chosen", time)
            shop.event(customer, "message_delivered", time, '{"channel": "email"}')
            shop.redemption(customer, "summer", time)
            shop.campaign(customer, f"new {time}", time, "2025-07-01")


@pytest.fixture(scope="module")
def known(busy_shop: Callable[[], Any]) -> Callable[[str], Any]:
    """A view's features of the busy shop at 2024-03-01."""
    return cache(lambda view: busy_shop().features(DEFINITIONS[view], "2024-03-01"))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("rewrite", [delete_the_future, change_the_future, add_to_the_future])
def test_nothing_at_or_after_the_as_of_time_changes_a_feature(
    busy_shop: Callable[[], Any],
    known: Callable[[str], Any],
    view: str,
    rewrite: Callable[[Any], None],
) -> None:
    shop = busy_shop()
    rewrite(shop)

    rewritten = shop.features(DEFINITIONS[view], "2024-03-01")

    assert len(rewritten) == 3
    assert rewritten == known(view)


@pytest.mark.parametrize("view", VIEWS)
def test_the_past_does_change_features(
    busy_shop: Callable[[], Any], known: Callable[[str], Any], view: str
) -> None:
    shop = busy_shop()
    for table in TIMES:
        shop.tables[table] = []
    for row in shop.tables["customers"]:
        row["joined_at"] = datetime(2023, 1, 1, tzinfo=UTC)

    rewritten = shop.features(DEFINITIONS[view], "2024-03-01")

    assert all(rewritten[key] != row for key, row in known(view).items())


@pytest.mark.parametrize("view", VIEWS)
def test_many_as_of_times_at_once_give_what_each_gives_alone(busy_shop: Callable[[], Any], view: str) -> None:
    shop, days = busy_shop(), ("2024-02-15", "2024-03-10")

    together = shop.features(DEFINITIONS[view], *days)

    alone = {key: row for day in days for key, row in shop.features(DEFINITIONS[view], day).items()}
    assert together == alone


def test_the_same_shop_gives_the_same_bytes_in_the_declared_columns(
    busy_shop: Callable[[], Any], tmp_path: Path
) -> None:
    dataset = busy_shop().write(tmp_path / "shop")
    as_ofs = [AS_OF, datetime(2024, 2, 1, tzinfo=UTC)]

    rows = build_snapshots(dataset, as_ofs, tmp_path / "one")
    build_snapshots(dataset, as_ofs[::-1], tmp_path / "two")

    assert rows == dict.fromkeys(VIEWS, 6)
    for view in load_schema().views:
        one, two = (tmp_path / folder / f"{view.name}.parquet" for folder in ("one", "two"))
        declared = [feature.name for feature in view.features]
        assert one.read_bytes() == two.read_bytes()
        assert pq.read_schema(one).names == ["customer_id", "event_timestamp", *declared, "created_timestamp"]
        assert str(pq.read_schema(one).field("event_timestamp").type) == "timestamp[us, tz=UTC]"


def test_a_shop_without_any_rows_gives_empty_snapshots(shop: Any, tmp_path: Path) -> None:
    rows = build_snapshots(shop.write(tmp_path / "shop"), [AS_OF], tmp_path / "out")

    assert rows == dict.fromkeys(VIEWS, 0)


def test_a_definition_that_lacks_a_declared_feature_is_refused_by_name(shop: Any) -> None:
    view = load_schema().view("coupons")
    extended = replace(view, features=(*view.features, replace(view.features[0], name="coupons_framed")))

    with pytest.raises(DefinitionError, match="coupons_framed"):
        view_rows(extended, shop.sources(), as_of_table([AS_OF]))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"customers\.parquet"):
        build_snapshots(tmp_path, [AS_OF], tmp_path / "out")


def test_the_data_end_is_the_first_second_after_the_last_order(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"ends_at": "2018-01-01T04:01:20.5+00:00"}')

    assert data_end(tmp_path) == datetime(2018, 1, 1, 4, 1, 21, tzinfo=UTC)
