"""Baskets out of a data set: which products were bought together, by whom and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.importing.dataset import DatasetError

Codes = NDArray[np.int32]
Chosen = NDArray[np.bool_]
NOT_OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "complete-journey": ("COUPON", "COUPON/MISC ITEMS", "COUPONS/STORE & MFG", "FUEL")
}
"""By data set, categories of lines that are no product of a basket: vouchers, gift cards, petrol."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Baskets:
    """Orders by time and the products in them, by code: a product is in a basket or not, however many were bought.

    ordered_s (seconds since 1970) and customers: `(n_baskets,)`. lines_of: of each line its basket, in order, and products
    what it is of, both `(n_lines,)`. categories: of each product, `(n_products,)`.
    """

    ordered_s: NDArray[np.int64]
    customers: Codes
    lines_of: Codes
    products: Codes
    product_ids: tuple[str, ...]
    categories: Codes
    category_names: tuple[str, ...]

    @property
    def n_baskets(self) -> int:
        """How many there are."""
        return len(self.ordered_s)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each basket's lines start, and where the last one's end, `(n_baskets + 1,)`."""
        return np.searchsorted(self.lines_of, np.arange(self.n_baskets + 1))

    def only(self, chosen: Chosen) -> Baskets:
        """The chosen baskets, `(n_baskets,)`; products keep their codes."""
        kept = chosen[self.lines_of]
        renumbered = (np.cumsum(chosen) - 1).astype(np.int32)
        return replace(
            self,
            ordered_s=self.ordered_s[chosen],
            customers=self.customers[chosen],
            lines_of=renumbered[self.lines_of[kept]],
            products=self.products[kept],
        )

    def by_category(self) -> Baskets:
        """The same baskets with the categories in place of the products."""
        lines_of, products = _distinct(
            self.lines_of, self.categories[self.products], len(self.category_names)
        )
        own = np.arange(len(self.category_names), dtype=np.int32)
        return replace(
            self, lines_of=lines_of, products=products, product_ids=self.category_names, categories=own
        )


def read_baskets(folder: Path, *, not_offered: Collection[str] = ()) -> Baskets:
    """The baskets of the data set in `folder`, without lines of the categories `not_offered` and lines that cost nothing.

    A line that costs nothing is a coupon or a present, which nobody chose. Raises `DatasetError` when no line is left.
    """
    lines = pq.read_table(
        folder / "order_lines.parquet", columns=["order_id", "product_id", "category", "amount"]
    )
    lines = lines.filter(pc.greater(lines["amount"], 0))
    if not_offered:
        lines = lines.filter(pc.invert(pc.is_in(lines["category"], pa.array(sorted(not_offered)))))
    if lines.num_rows == 0:
        raise DatasetError(
            f"{folder} has no order lines to learn from: import orders with a product_id, a line a product"
        )
    orders = pq.read_table(folder / "orders.parquet", columns=["order_id", "customer_id", "ordered_at"])
    orders = orders.sort_by([("ordered_at", "ascending"), ("order_id", "ascending")])
    found = pc.index_in(lines["order_id"], orders["order_id"].combine_chunks()).to_numpy()
    if np.isnan(found).any():
        raise DatasetError(f"{folder} has order lines of orders that it lacks; import it again")
    products, product_ids = _codes(lines["product_id"])
    by_line, category_names = _codes(lines["category"])
    categories = np.zeros(len(product_ids), dtype=np.int32)
    categories[products] = by_line
    is_held = np.bincount(found.astype(np.int64), minlength=orders.num_rows) > 0
    numbers = (np.cumsum(is_held) - 1).astype(np.int32)[found.astype(np.int64)]
    lines_of, of_products = _distinct(numbers, products, len(product_ids))
    customers, _ = _codes(orders["customer_id"])
    return Baskets(
        ordered_s=orders["ordered_at"]
        .cast(pa.timestamp("s", tz="UTC"), safe=False)
        .cast("int64")
        .to_numpy()[is_held],
        customers=customers[is_held],
        lines_of=lines_of,
        products=of_products,
        product_ids=product_ids,
        categories=categories,
        category_names=category_names,
    )


def _codes(column: Any) -> tuple[Codes, tuple[str, ...]]:
    """Of each value its number among the distinct ones, and those in their order; a missing one is ''."""
    encoded = column.combine_chunks().fill_null("").dictionary_encode()
    names = encoded.dictionary.to_numpy(zero_copy_only=False).astype(str)
    order = np.argsort(names)
    number = np.empty(len(names), dtype=np.int32)
    number[order] = np.arange(len(names), dtype=np.int32)
    return number[encoded.indices.to_numpy()], tuple(names[order].tolist())


def _distinct(lines_of: Codes, products: Codes, n_products: int) -> tuple[Codes, Codes]:
    """Each product of a basket once, by basket and product."""
    pairs = np.sort(lines_of.astype(np.int64) * n_products + products)  # np.unique takes ten times as long
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])]
    return (pairs // n_products).astype(np.int32), (pairs % n_products).astype(np.int32)
