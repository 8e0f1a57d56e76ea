"""Reads customers, orders, funnel steps and messages of a data set into arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from features.tables import FUNNEL_EVENTS, MESSAGE_EVENTS
from models.feedback import Booleans, Floats, Integers
from training.evaluation.round_labels import microseconds
from training.importing.dataset import DatasetError, DatasetManifest, read_manifest
from training.measures.response import MessageEvents

PURCHASE: Final = FUNNEL_EVENTS.index("purchased")


@dataclass(frozen=True, kw_only=True)
class FunnelSteps:
    """Who took which step of `FUNNEL_EVENTS` when, by time, `(n_steps,)` each; purchases are the orders."""

    customer: Integers
    step: Integers
    at_us: Integers


@dataclass(frozen=True, kw_only=True)
class ShopFacts:
    """Customers `(n_customers,)` and orders `(n_orders,)` by time; `buyer` is the customer's place."""

    manifest: DatasetManifest
    customer_ids: NDArray[np.str_]
    time_zones: NDArray[np.str_]
    joined_us: Integers
    buyer: Integers
    ordered_us: Integers
    amount: Floats
    steps: FunnelSteps
    messages: MessageEvents

    @property
    def ends_us(self) -> int:
        """What happened before is in it."""
        return microseconds(datetime.fromisoformat(self.manifest.ends_at)) + 1

    def of(self, chosen: Booleans) -> ShopFacts:
        """Those of the chosen customers, `(n_customers,)`, alone."""
        places = np.cumsum(chosen) - 1
        bought = chosen[self.buyer]
        return replace(
            self,
            customer_ids=self.customer_ids[chosen],
            time_zones=self.time_zones[chosen],
            joined_us=self.joined_us[chosen],
            buyer=places[self.buyer[bought]],
            ordered_us=self.ordered_us[bought],
            amount=self.amount[bought],
            steps=_of_customers(self.steps, chosen, places),
            messages=_of_customers(self.messages, chosen, places),
        )

    def within(self, begins_us: int, ends_us: int) -> ShopFacts:
        """The same customers with what they did in [begins_us, ends_us)."""
        bought = (self.ordered_us >= begins_us) & (self.ordered_us < ends_us)
        return replace(
            self,
            buyer=self.buyer[bought],
            ordered_us=self.ordered_us[bought],
            amount=self.amount[bought],
            steps=_within(self.steps, begins_us, ends_us),
            messages=_within(self.messages, begins_us, ends_us),
        )


Events = TypeVar("Events", FunnelSteps, MessageEvents)


def read_shop_facts(folder: Path, time_zone: str) -> ShopFacts:
    """The data set in the folder; `time_zone` stands in for a customer without one. Memory: some 30 bytes an event.

    Raises: `DatasetError` when there is none, or an order or event is of a customer it does not have.
    """
    manifest = read_manifest(folder)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table in ("customers", "orders", "events"):
            path = str(folder / f"{table}.parquet").replace("'", "''")
            connection.execute(f"create view {table} as select * from read_parquet('{path}')")
        connection.execute(
            """create table places as
                select customer_id, row_number() over (order by customer_id) - 1 as customer from customers"""
        )
        people = _columns(
            connection,
            f"""select customer_id, coalesce(nullif(time_zone, ''), '{time_zone}') as time_zone,
                epoch_us(joined_at) as joined_us from customers order by customer_id""",
        )
        orders = _columns(
            connection,
            """select customer, epoch_us(ordered_at) as at_us, amount::double as amount
                from orders left join places using (customer_id) order by ordered_at, order_id""",
        )
        views = _columns(connection, _STEPS)
        messages = _columns(connection, _MESSAGES)
    buyer, ordered_us = _places(orders["customer"], folder), orders["at_us"].astype(np.int64)
    customer = np.concatenate([_places(views["customer"], folder), buyer])
    step = np.concatenate([views["step"].astype(np.int64), np.full(len(buyer), PURCHASE)])
    at_us = np.concatenate([views["at_us"].astype(np.int64), ordered_us])
    by_time = np.argsort(at_us, kind="stable")
    return ShopFacts(
        manifest=manifest,
        customer_ids=people["customer_id"].astype(np.str_),
        time_zones=people["time_zone"].astype(np.str_),
        joined_us=people["joined_us"].astype(np.int64),
        buyer=buyer,
        ordered_us=ordered_us,
        amount=orders["amount"].astype(np.float64),
        steps=FunnelSteps(customer=customer[by_time], step=step[by_time], at_us=at_us[by_time]),
        messages=MessageEvents(
            customer=_places(messages["customer"], folder),
            kind=messages["kind"].astype(np.int64),
            channel=messages["channel"].astype(np.str_),
            topic=messages["topic"].astype(np.str_),
            at_us=messages["at_us"].astype(np.int64),
        ),
    )


def _of_customers(events: Events, chosen: Booleans, places: Integers) -> Events:
    kept = _rows(events, chosen[events.customer])
    return replace(kept, customer=places[kept.customer])


def _within(events: Events, begins_us: int, ends_us: int) -> Events:
    return _rows(events, (events.at_us >= begins_us) & (events.at_us < ends_us))


def _rows(events: Events, kept: Booleans) -> Events:
    return replace(events, **{each.name: getattr(events, each.name)[kept] for each in fields(events)})


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_STEPS: Final = f"""select customer, list_position([{_named(FUNNEL_EVENTS)}], event) - 1 as step,
    epoch_us(occurred_at) as at_us from events left join places using (customer_id)
    where event in ({_named(FUNNEL_EVENTS[:PURCHASE])}) order by occurred_at"""
_MESSAGES: Final = f"""select customer, list_position([{_named(MESSAGE_EVENTS)}], event) - 1 as kind,
    coalesce(properties ->> '$.channel', '') as channel, coalesce(properties ->> '$.topic', '') as topic,
    epoch_us(occurred_at) as at_us from events left join places using (customer_id)
    where event in ({_named(MESSAGE_EVENTS)}) order by occurred_at"""


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = connection.execute(query).fetchnumpy()
    return found


def _places(found: np.ndarray, folder: Path) -> Integers:
    missing = int(np.ma.getmaskarray(found).sum())
    if missing:
        raise DatasetError(
            f"{folder}: {missing} orders or events are of customers that customers.parquet does not have"
        )
    return np.asarray(found, dtype=np.int64)
