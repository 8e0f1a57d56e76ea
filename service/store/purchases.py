"""What customers bought, as their `purchased` events say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, union_all

from service.store.engine import microseconds
from service.store.tables import events
from service.store.timeline import told_of

PURCHASED = "purchased"


def read_bought(engine: Engine, customer_id: str, since: datetime) -> tuple[str, ...]:
    """The ids of the products that the customer bought since then, each once.

    Of several messages about one order the one received last counts. Orders whose events name no products add nothing.
    """
    orders: dict[str, tuple[str, ...]] = {}
    wanted = (
        events.c.type == "track",
        events.c.name == PURCHASED,
        events.c.occurred_at >= microseconds(since),
    )
    columns = (events.c.message_id, events.c.received_at, events.c.content)
    query = union_all(*(select(*columns).where(mine, *wanted) for mine in told_of(customer_id)))
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    for row in sorted(rows, key=lambda row: (row.received_at, row.message_id)):
        properties = json.loads(row.content).get("properties", {})
        orders[str(properties.get("order_id", row.message_id))] = tuple(_products(properties))
    return tuple(dict.fromkeys(product for products in orders.values() for product in products))


def _products(properties: dict[str, Any]) -> Iterator[str]:
    """The ids in `products`; a list that older messages have in another shape says nothing."""
    listed = properties.get("products")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("product_id"), str):
            yield each["product_id"]
