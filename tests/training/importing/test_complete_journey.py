"""The mapping of the Complete Journey, on four lines of a receipt and on the real data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from training.importing.complete_journey import REACH_RATES, draw_reach, import_complete_journey
from training.importing.dataset import read_manifest

NOON = datetime(2017, 7, 1, 12)  # noqa: DTZ001 - the package's times have no zone


def line(basket: int, product: int, sales: float, **others: Any) -> dict[str, Any]:
    row = {
        "household_id": 7,
        "store_id": 1,
        "basket_id": basket,
        "product_id": product,
        "quantity": 1,
        "sales_value": sales,
        "retail_disc": 0.0,
        "coupon_disc": 0.0,
        "coupon_match_disc": 0.0,
        "week": 26,
        "transaction_timestamp": NOON,
    }
    return row | others


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tables: dict[str, list[dict[str, Any]]] = {
        "transactions": [
            line(10, 1, 3.55, quantity=2, retail_disc=1.78, coupon_disc=0.55, coupon_match_disc=0.45),
            line(10, 2, 0.0, quantity=0, coupon_disc=2.0),
            line(11, 3, 20.0, quantity=9000),
            line(12, 1, 1.0, coupon_disc=1.5),
            line(13, 1, -1.0),
        ],
        "products": [
            {"product_id": 1, "product_category": "TEA", "product_type": "GREEN TEA"},
            {"product_id": 3, "product_category": "FUEL", "product_type": "GASOLINE-REG UNLEADED"},
        ],
        "demographics": [
            {
                "household_id": 7,
                "age": "25-34",
                "income": "35-49K",
                "household_size": "5+",
                "kids_count": "3+",
            }
        ],
        "campaign_descriptions": [
            {
                "campaign_id": 1,
                "campaign_type": "Type A",
                "start_date": NOON.replace(hour=0),
                "end_date": NOON.replace(hour=0),
            }
        ],
        "campaigns": [{"campaign_id": 1, "household_id": 7}, {"campaign_id": 2, "household_id": 7}],
        "coupons": [{"coupon_upc": 5, "product_id": 1, "campaign_id": 1}] * 2,
        "coupon_redemptions": [
            {"household_id": 7, "coupon_upc": 5, "campaign_id": 1, "redemption_date": NOON.replace(hour=0)}
        ],
    }
    folder = tmp_path / "source"
    folder.mkdir()
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder


def rows(var: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(
        var / "data/complete-journey" / f"{table}.parquet"
    ).to_pylist()
    return found


def test_an_order_is_what_the_customer_paid_and_never_less_than_nothing(tmp_path: Path, source: Path) -> None:
    import_complete_journey(tmp_path, source=source)

    orders = {row["order_id"]: row for row in rows(tmp_path, "orders")}
    assert orders["10"]["amount"] == 10_000  # (3.55 - 0.55 - 2.00) dollars
    assert orders["10"]["discount"] == 47_800
    assert orders["10"]["coupon_discount"] == 30_000
    assert orders["10"]["quantity"] == 2
    assert orders["12"]["amount"] == 0
    assert [row["amount"] for row in rows(tmp_path, "order_lines")] == [30_000, -20_000, 200_000, -5_000]


def test_petrol_counts_as_one_thing(tmp_path: Path, source: Path) -> None:
    import_complete_journey(tmp_path, source=source)

    assert next(row for row in rows(tmp_path, "orders") if row["order_id"] == "11")["quantity"] == 1


def test_bands_become_their_middle_and_days_are_the_shops(tmp_path: Path, source: Path) -> None:
    import_complete_journey(tmp_path, source=source)

    [customer] = rows(tmp_path, "customers")
    facts = ("age_years", "income_thousand", "household_size", "kids_count")
    assert [customer[name] for name in facts] == [29.5, 42.0, 5.5, 3.5]
    assert customer["joined_at"] == NOON.replace(tzinfo=UTC)
    [redemption] = rows(tmp_path, "redemptions")
    assert redemption["redeemed_at"] == datetime(2017, 7, 2, 3, 59, 59, tzinfo=UTC)
    [campaign] = rows(tmp_path, "campaigns")
    assert campaign["starts_at"] == datetime(2017, 7, 1, 4, tzinfo=UTC)
    assert campaign["ends_at"] == redemption["redeemed_at"]


def test_every_row_is_accepted_or_rejected_with_a_reason(tmp_path: Path, source: Path) -> None:
    manifest, counts = import_complete_journey(tmp_path, source=source)

    assert all(count.accepted + count.rejected_total == count.read for count in counts.values())
    assert manifest.rejected == {"campaigns": 1, "coupons": 1, "order_lines": 1}
    assert (tmp_path / "data/complete-journey/rejects.csv").read_text().splitlines()[1:] == [
        'campaigns,2,unknown campaign,"2,7"',
        'coupons,2,duplicate row,"5,1,1"',
        'order_lines,5,negative amount,"7,1,13,1,1,-1.0,0.0,0.0,0.0,26,2017-07-01 12:00:00"',
    ]


def test_two_imports_are_the_same_and_the_seed_only_changes_what_is_simulated(
    tmp_path: Path, source: Path
) -> None:
    first, _ = import_complete_journey(tmp_path / "first", source=source)
    second, _ = import_complete_journey(tmp_path / "second", source=source)
    import_complete_journey(tmp_path / "third", seed=1, source=source)

    assert first == second
    assert rows(tmp_path / "first", "orders") == rows(tmp_path / "third", "orders")
    assert {name.removeprefix("customers.") for name in first.simulated} == set(REACH_RATES)


@pytest.mark.parametrize("column", list(REACH_RATES))
def test_reach_is_drawn_at_its_rate(column: str) -> None:
    n_customers = 10_000  # five standard errors: a wrong alarm in under 1 of 10**5 choices of the seed, all columns together

    share = sum(draw_reach(str(customer), column, 0) for customer in range(n_customers)) / n_customers

    rate = REACH_RATES[column]
    assert abs(share - rate) < 5 * (rate * (1 - rate) / n_customers) ** 0.5


@pytest.mark.slow
def test_the_real_data_come_in_whole(tmp_path: Path) -> None:
    manifest, counts = import_complete_journey(tmp_path)

    assert manifest.tables == {
        "customers": 2_469,
        "orders": 155_848,
        "order_lines": 1_469_307,
        "campaigns": 6_589,
        "coupons": 111_332,
        "redemptions": 2_102,
        "events": 0,
    }
    assert counts["coupons"].rejected == {"duplicate row": 4_872}
    assert sum(count.rejected_total for count in counts.values()) == 4_872
    assert read_manifest(tmp_path / "data/complete-journey") == manifest
    orders = pq.read_table(tmp_path / "data/complete-journey/orders.parquet")
    lines = pq.read_table(tmp_path / "data/complete-journey/order_lines.parquet")
    # sales of 4,596,039.58 dollars less 26,359.90 by manufacturers' coupons
    assert pc.sum(lines["amount"]).as_py() == 45_696_796_800
    assert pc.sum(orders["amount"]).as_py() == 45_697_062_600  # 26.58 dollars more: no order below 0
    assert manifest.ends_at == "2018-01-01T04:01:20+00:00"
