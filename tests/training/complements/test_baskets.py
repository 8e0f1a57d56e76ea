"""Baskets out of a data set's order lines."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from training.complements.baskets import Baskets, read_baskets
from training.importing.dataset import DatasetDescription, DatasetError, table_schema, write_dataset

LINES = [
    ("o2", "tea", "drinks", 100),
    ("o2", "jam", None, 300),
    ("o1", "tea", "drinks", 100),
    ("o1", "tea", "drinks", 100),
    ("o1", "bread", "bakery", 200),
    ("o1", "voucher", "vouchers", 500),
    ("o3", "sample", "drinks", 0),
]


def write(folder: Path, lines: list[tuple[str, str, str | None, int]]) -> Path:
    orders = [
        {"order_id": order, "customer_id": who, "ordered_at": f"2024-0{month}-01T00:00:00.500Z"}
        for order, who, month in (("o1", "c2", 1), ("o2", "c1", 2), ("o3", "c1", 3))
    ]
    sold = {"amount": 100, "discount": 0, "coupon_discount": 0, "quantity": 1}
    rows = [
        {"order_id": o, "product_id": p, "category": c, "quantity": 1, "amount": a, "discount": 0}
        for o, p, c, a in lines
    ]
    at = pa.array([each["ordered_at"] for each in orders]).cast(pa.timestamp("us", tz="UTC"))
    table = pa.Table.from_pylist(
        [{**each, **sold, "ordered_at": None} for each in orders], table_schema("orders")
    )
    table = table.set_column(table.column_names.index("ordered_at"), "ordered_at", at)
    about = DatasetDescription(name="shop", source="made up", currency="IRT", amount_scale=1)
    tables = {"orders": table, "order_lines": pa.Table.from_pylist(rows, table_schema("order_lines"))}
    write_dataset(folder, about, tables)
    return folder


def contents(baskets: Baskets) -> list[list[str]]:
    starts = baskets.starts
    return [
        [baskets.product_ids[code] for code in baskets.products[starts[n] : starts[n + 1]]]
        for n in range(baskets.n_baskets)
    ]


def test_baskets_come_by_time_with_each_product_once(tmp_path: Path) -> None:
    baskets = read_baskets(write(tmp_path / "shop", LINES))

    assert contents(baskets) == [["bread", "tea", "voucher"], ["jam", "tea"]]
    assert baskets.ordered_s.tolist() == [1_704_067_200, 1_706_745_600]
    assert baskets.customers[0] != baskets.customers[1]
    shelf = {
        p: baskets.category_names[c] for p, c in zip(baskets.product_ids, baskets.categories, strict=True)
    }
    assert shelf == {"bread": "bakery", "jam": "", "tea": "drinks", "voucher": "vouchers"}


def test_categories_that_are_not_offered_are_in_no_basket(tmp_path: Path) -> None:
    baskets = read_baskets(write(tmp_path / "shop", LINES), not_offered=("vouchers", "petrol"))

    assert contents(baskets) == [["bread", "tea"], ["jam", "tea"]]


def test_a_line_without_a_category_is_kept_whatever_is_not_offered(tmp_path: Path) -> None:
    baskets = read_baskets(write(tmp_path / "shop", LINES), not_offered=("drinks",))

    assert contents(baskets) == [["bread", "voucher"], ["jam"]]


def test_some_of_the_baskets_keep_their_contents_and_by_category_each_is_once(tmp_path: Path) -> None:
    baskets = read_baskets(write(tmp_path / "shop", [*LINES, ("o2", "coffee", "drinks", 1)]))

    later = baskets.only(baskets.ordered_s > 1_705_000_000)

    assert contents(later) == [["coffee", "jam", "tea"]]
    assert contents(later.by_category()) == [["", "drinks"]]


def test_a_data_set_without_lines_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", [("o1", "sample", None, 0)])

    with pytest.raises(DatasetError, match="import orders with a product_id"):
        read_baskets(folder)
