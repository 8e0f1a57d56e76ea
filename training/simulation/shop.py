"""The real households and their orders as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.schema import CHANNELS
from models.feedback import Booleans, Floats, Integers

Times = NDArray[np.datetime64]
DEFAULT_TIME_ZONE = "Asia/Tehran"
_OF_ORDERS = ("buyer", "ordered_at", "local_hour", "amount", "discount", "coupon_used")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Customers in ascending order of their ids, `(n_customers, ...)`, and orders by time, `(n_orders,)`.

    `consent` and `reachable` have one column a channel of `features.schema.CHANNELS`; `buyer` is the customer's place;
    times are UTC in microseconds, `local_hour` is the customer's; amounts are in the shop's currency.
    """

    customer_ids: tuple[str, ...]
    joined_at: Times
    time_zones: tuple[str, ...]
    consent: Booleans
    reachable: Booleans
    buyer: Integers
    ordered_at: Times
    local_hour: Integers
    amount: Floats
    discount: Floats
    coupon_used: Booleans

    @property
    def n_customers(self) -> int:
        """The number of customers, with or without orders."""
        return len(self.customer_ids)

    def before(self, moment: datetime) -> Shop:
        """The same customers with only the orders before `moment`: what could be known then."""
        known = self.ordered_at < utc_microseconds(moment)
        return replace(self, **{name: getattr(self, name)[known] for name in _OF_ORDERS})

    def of_customers(self, customer_ids: tuple[str, ...]) -> Shop:
        """The shop of these customers (in ascending order) and their orders. Raises `KeyError` for an unknown one."""
        places = {customer_id: place for place, customer_id in enumerate(self.customer_ids)}
        kept = np.array([places[customer_id] for customer_id in customer_ids], dtype=np.int64)
        new_place = np.full(self.n_customers, -1)
        new_place[kept] = np.arange(len(kept))
        theirs = new_place[self.buyer] >= 0
        customers = {name: getattr(self, name)[kept] for name in ("joined_at", "consent", "reachable")}
        orders = {name: getattr(self, name)[theirs] for name in _OF_ORDERS if name != "buyer"}
        zones = tuple(self.time_zones[place] for place in kept)
        buyer = new_place[self.buyer[theirs]]
        return Shop(customer_ids=customer_ids, time_zones=zones, buyer=buyer, **customers, **orders)

    def orders_each(self) -> Floats:
        """The number of orders of each customer, `(n_customers,)`."""
        return self.sum_each(np.ones(len(self.buyer)))

    def sum_each(self, values: Floats) -> Floats:
        """Each customer's sum of a value per order, `(n_customers,)`."""
        return np.bincount(self.buyer, weights=values, minlength=self.n_customers).astype(np.float64)


def utc_microseconds(moment: datetime) -> np.datetime64:
    """An aware time as numpy's UTC microseconds. Raises `ValueError` for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def read_shop(folder: Path) -> Shop:
    """The shop in a data set's folder."""
    customers = pq.read_table(folder / "customers.parquet").sort_by("customer_id")
    orders = pq.read_table(folder / "orders.parquet").sort_by(
        [("ordered_at", "ascending"), ("order_id", "ascending")]
    )
    return shop_of(customers, orders)


def shop_of(customers: pa.Table, orders: pa.Table) -> Shop:
    """The shop in two canonical tables, customers in ascending order of their ids."""
    zones = pc.fill_null(customers["time_zone"], "").to_pylist()
    time_zones = tuple(zone or DEFAULT_TIME_ZONE for zone in zones)
    buyer = (
        pc.index_in(orders["customer_id"], customers["customer_id"].combine_chunks())
        .to_numpy()
        .astype(np.int64)
    )
    return Shop(
        customer_ids=tuple(customers["customer_id"].to_pylist()),
        joined_at=_times(customers["joined_at"]),
        time_zones=time_zones,
        consent=_flags(customers, "consent") & ~_blacklisted(customers),
        reachable=_flags(customers, "reachable"),
        buyer=buyer,
        ordered_at=_times(orders["ordered_at"]),
        local_hour=_local_hours(orders["ordered_at"], np.array(time_zones)[buyer]),
        amount=orders["amount"].to_numpy().astype(np.float64),
        discount=orders["discount"].to_numpy().astype(np.float64),
        coupon_used=orders["coupon_discount"].to_numpy() > 0,
    )


def to_utc(local: Times, time_zones: NDArray[np.str_]) -> Times:
    """Local clock times as UTC; of a time that comes twice the first is meant, one that never comes moves forward."""
    utc = np.empty(len(local), dtype="datetime64[us]")
    for zone in np.unique(time_zones):
        mine = time_zones == zone
        zoned = pc.assume_timezone(
            pa.array(local[mine]), str(zone), ambiguous="earliest", nonexistent="latest"
        )
        utc[mine] = zoned.cast(pa.timestamp("us", tz="UTC")).to_numpy(zero_copy_only=False)
    return utc


def to_local(utc: Times, time_zones: NDArray[np.str_]) -> Times:
    """UTC times as the clocks of these zones show them."""
    local = np.empty(len(utc), dtype="datetime64[us]")
    for zone in np.unique(time_zones):
        mine = time_zones == zone
        zoned = pa.array(utc[mine], type=pa.timestamp("us", tz=str(zone)))
        local[mine] = pc.local_timestamp(zoned).to_numpy(zero_copy_only=False)
    return local


def _times(column: pa.ChunkedArray) -> Times:
    times = column.cast(pa.timestamp("us", tz="UTC")).to_numpy()
    return np.asarray(times, dtype="datetime64[us]")


def _flags(customers: pa.Table, what: str) -> Booleans:
    columns = [pc.fill_null(customers[f"{what}_{channel}"], False).to_numpy() for channel in CHANNELS]
    return np.stack(columns, axis=1)


def _blacklisted(customers: pa.Table) -> Booleans:
    """Channels that the operator closes, `(n_customers, n_channels)`: none but SMS."""
    listed = pc.fill_null(customers["sms_blacklisted"], False).to_numpy()
    return np.asarray(listed[:, None] & np.array([channel == "sms" for channel in CHANNELS]))


def _local_hours(times: pa.ChunkedArray, time_zones: NDArray[np.str_]) -> Integers:
    local = to_local(_times(times), time_zones)
    return (local.astype("datetime64[h]").astype(np.int64)) % 24
