"""Rows to learn from: customers at as-of dates, their features as known then, and what they ordered after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.schema import JOIN_KEY, Schema
from models.feedback import Booleans, Floats, Integers

if TYPE_CHECKING:
    from feast import FeatureStore

Times = NDArray[np.datetime64]

BATCH_ROWS: Final = 200_000
"""Rows asked of Feast at a time: its answer holds every feature, of which a scorer keeps a part."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Every order of a data set by time: buyers by place in `customer_ids` (ascending), amounts in the shop's currency."""

    customer_ids: NDArray[Any]
    buyer: Integers
    ordered_at: Times
    amount: Floats

    @property
    def first_at(self) -> datetime:
        """When the first order was made."""
        return _aware(self.ordered_at[0])

    @property
    def last_at(self) -> datetime:
        """When the last order was made."""
        return _aware(self.ordered_at[-1])


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Customers at as-of dates: features as known then `(n_rows, n_columns)`, orders and spend in the horizon after.

    Every array has one row a (customer, as-of date); `ordered` is whether an order fell in [as_of, as_of + horizon).
    """

    column_names: tuple[str, ...]
    customer_ids: NDArray[Any]
    as_ofs: Times
    vectors: Floats
    ordered: Booleans
    spend: Floats

    def column(self, name: str) -> Floats:
        """One feature, `(n_rows,)`."""
        return np.asarray(self.vectors[:, self.column_names.index(name)])


@dataclass(frozen=True, kw_only=True)
class FeatureRows:
    """Customers at as-of dates, by place in `Orders.customer_ids`, and their features `(n_rows, n_columns)`."""

    column_names: tuple[str, ...]
    customers: Integers
    as_ofs: Times
    vectors: Floats

    def labelled(self, orders: Orders, as_ofs: Sequence[datetime], horizon_days: int) -> Examples:
        """The rows at these as-of dates with what was ordered in `horizon_days` after each."""
        chosen = np.isin(self.as_ofs, np.array([_naive(as_of) for as_of in as_ofs]))
        customers, times = self.customers[chosen], self.as_ofs[chosen]
        ordered = np.zeros(len(customers), dtype=np.bool_)
        spend = np.zeros(len(customers))
        for as_of in as_ofs:
            rows = times == _naive(as_of)
            count, total = outcomes(orders, as_of, horizon_days)
            ordered[rows] = count[customers[rows]] > 0
            spend[rows] = total[customers[rows]]
        return Examples(
            column_names=self.column_names,
            customer_ids=orders.customer_ids[customers],
            as_ofs=times,
            vectors=self.vectors[chosen],
            ordered=ordered,
            spend=spend,
        )


def read_orders(folder: Path) -> Orders:
    """The orders of the data set in `folder`."""
    table = pq.read_table(
        folder / "orders.parquet", columns=["customer_id", "ordered_at", "amount", "order_id"]
    )
    table = table.sort_by([("ordered_at", "ascending"), ("order_id", "ascending")])
    ids, buyer = np.unique(table["customer_id"].to_numpy().astype(str), return_inverse=True)
    return Orders(
        customer_ids=ids,
        buyer=buyer.astype(np.int64),
        ordered_at=table["ordered_at"].to_numpy().astype("datetime64[us]"),
        amount=table["amount"].to_numpy().astype(np.float64),
    )


def customers_before(orders: Orders, as_of: datetime) -> Integers:
    """The customers with an order before `as_of`, by place, ascending."""
    return np.unique(orders.buyer[orders.ordered_at < _naive(as_of)])


def outcomes(orders: Orders, as_of: datetime, horizon_days: int) -> tuple[Floats, Floats]:
    """Each customer's number of orders and spend in [as_of, as_of + horizon_days), both `(n_customers,)`."""
    until = _naive(as_of + timedelta(days=horizon_days))
    inside = (orders.ordered_at >= _naive(as_of)) & (orders.ordered_at < until)
    n_customers = len(orders.customer_ids)
    buyer = orders.buyer[inside]
    return (
        np.bincount(buyer, minlength=n_customers).astype(np.float64),
        np.bincount(buyer, weights=orders.amount[inside], minlength=n_customers).astype(np.float64),
    )


def read_features(
    store: FeatureStore,
    orders: Orders,
    as_ofs: Iterable[datetime],
    *,
    schema: Schema,
    column_names: tuple[str, ...],
) -> FeatureRows:
    """The features, as Feast returns them, of every customer who had ordered before each as-of date."""
    found = [
        _read_batch(store, orders, batch, schema, column_names)
        for batch in _batches(orders, sorted(set(as_ofs)))
    ]
    return FeatureRows(
        column_names=column_names,
        customers=np.concatenate([rows.customers for rows in found]),
        as_ofs=np.concatenate([rows.as_ofs for rows in found]),
        vectors=np.concatenate([rows.vectors for rows in found]),
    )


def _batches(orders: Orders, as_ofs: Sequence[datetime]) -> Iterator[list[tuple[datetime, Integers]]]:
    batch: list[tuple[datetime, Integers]] = []
    for as_of in as_ofs:
        customers = customers_before(orders, as_of)
        if batch and sum(len(rows) for _, rows in batch) + len(customers) > BATCH_ROWS:
            yield batch
            batch = []
        batch.append((as_of, customers))
    yield batch


def _read_batch(
    store: FeatureStore,
    orders: Orders,
    batch: list[tuple[datetime, Integers]],
    schema: Schema,
    column_names: tuple[str, ...],
) -> FeatureRows:
    import pandas as pd

    from training.feature_store import historical_features

    customers = np.concatenate([rows for _, rows in batch])
    as_ofs = np.concatenate([np.full(len(rows), _naive(as_of)) for as_of, rows in batch])
    entities = pd.DataFrame(
        {JOIN_KEY: orders.customer_ids[customers], "event_timestamp": pd.to_datetime(as_ofs, utc=True)}
    )
    found = historical_features(store, entities, schema=schema)
    vectors = np.ascontiguousarray(found[list(column_names)].to_numpy(dtype=np.float64))
    return FeatureRows(column_names=column_names, customers=customers, as_ofs=as_ofs, vectors=vectors)


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _aware(moment: np.datetime64) -> datetime:
    value: datetime = moment.astype("datetime64[us]").item()
    return value.replace(tzinfo=UTC)
