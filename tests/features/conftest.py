"""A shop of a few rows: canonical tables as lists, and the definitions run over them on DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.backends.duckdb import Backend

from features.definitions import Definition
from features.engine import duckdb_backend
from features.history import Sources, as_of_table
from features.tables import TABLES
from features.zone import utc_offsets

ARROW = {
    "timestamp": pa.timestamp("us", tz="UTC"),
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "boolean": pa.bool_(),
}
ORDER = {"amount": 100, "discount": 0, "coupon_discount": 0, "quantity": 1}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Shop:
    """Rows of the canonical tables; what a row leaves out is null."""

    backend: Backend
    shop_time_zone: str = "UTC"
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def customer(self, customer_id: str, joined: str, **more: Any) -> None:
        self.tables["customers"].append({"customer_id": customer_id, "joined_at": at(joined), **more})

    def move_to(self, time_zone: str) -> Shop:
        """The shop, all of its customers in one zone."""
        for row in self.tables["customers"]:
            row["time_zone"] = time_zone
        return self

    def order(self, customer_id: str, ordered: str, **more: Any) -> None:
        order_id = f"order {len(self.tables['orders'])}"
        row = {"order_id": order_id, "customer_id": customer_id, "ordered_at": at(ordered)}
        self.tables["orders"].append({**ORDER, **row, **more})

    def event(self, customer_id: str, event: str, occurred: str, properties: str = "{}") -> None:
        row = {"customer_id": customer_id, "event": event, "occurred_at": at(occurred)}
        self.tables["events"].append({**row, "properties": properties})

    def campaign(self, customer_id: str, campaign_id: str, starts: str, ends: str) -> None:
        row = {"campaign_id": campaign_id, "customer_id": customer_id, "kind": "A"}
        self.tables["campaigns"].append({**row, "starts_at": at(starts), "ends_at": at(ends)})

    def redemption(self, customer_id: str, campaign_id: str, redeemed: str) -> None:
        row = {"customer_id": customer_id, "coupon_id": "c", "campaign_id": campaign_id}
        self.tables["redemptions"].append({**row, "redeemed_at": at(redeemed)})

    def arrow(self, name: str) -> pa.Table:
        schema = pa.schema([(column, ARROW[kind]) for column, kind in TABLES[name].items()])
        return pa.Table.from_pylist(self.tables[name], schema=schema)

    def write(self, folder: Path) -> Path:
        """The folder with the shop as a data set."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            pq.write_table(self.arrow(name), folder / f"{name}.parquet")
        return folder

    def sources(self) -> Sources:
        names = ("customers", "orders", "campaigns", "redemptions", "events")
        zones = {row.get("time_zone") or self.shop_time_zone for row in self.tables["customers"]}
        offsets = utc_offsets(zones, at("2023-01-01"), at("2025-12-31"))
        columns = {"time_zone": "string", "from_s": "int64", "until_s": "int64", "offset_s": "int64"}
        return Sources(
            **{name: ibis.memtable(self.arrow(name)) for name in names},
            zone_offsets=ibis.memtable([offset._asdict() for offset in offsets], schema=columns),
            shop_time_zone=self.shop_time_zone,
        )

    def features(self, definition: Definition, *as_ofs: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The definition's rows by customer and as-of date."""
        rows = definition(self.sources(), as_of_table([at(as_of) for as_of in as_ofs]))
        found = self.backend.to_pyarrow(rows).to_pylist()
        keyed = {
            (row.pop("customer_id"), row.pop("event_timestamp").date().isoformat()): row for row in found
        }
        assert len(keyed) == len(found)
        return keyed


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    with duckdb_backend() as opened:
        yield opened


@pytest.fixture
def shop(backend: Backend) -> Shop:
    """An empty shop."""
    return Shop(backend)


@pytest.fixture(scope="session")
def busy_shop(backend: Backend) -> Callable[[], Shop]:
    """Makes a shop with something in every table before and after 2024-03-01, always the same."""

    def make() -> Shop:
        shop = Shop(backend)
        for number, zone in enumerate(["Asia/Tehran", "Europe/Berlin", ""]):
            name = f"customer {number}"
            shop.customer(
                name, "2023-12-01", time_zone=zone, consent_sms=number == 0, age_years=30.0 + number
            )
            for day in (
                "2024-01-05T09:30",
                "2024-02-10T12:00",
                f"2024-02-2{number}",
                "2024-03-01",
                "2024-03-09",
            ):
                shop.order(name, day, amount=1000 * (number + 1), discount=50)
            for day in ("2024-02-25T20:15", "2024-02-29T23:59:59", "2024-03-02"):
                shop.event(name, "product_viewed", day)
                shop.event(name, "added_to_cart", day)
                for event in ("message_sent", "message_delivered", "message_clicked"):
                    shop.event(name, event, day, '{"channel": "sms", "topic": "wheel"}')
            shop.campaign(name, "spring", "2024-02-01", "2024-02-20")
            shop.campaign(name, "summer", "2024-02-21", "2024-03-20")
            shop.redemption(name, "spring", "2024-02-15" if number == 0 else "2024-03-05")
        return shop

    return make
