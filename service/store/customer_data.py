"""Everything that the log holds of one customer, for the customer to have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from service.store.engine import moment
from service.store.naming import Naming
from service.store.row_erasure import rankings_of
from service.store.tables import decisions, metadata, rank_events


def read_customer(connection: Connection, customer_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and row, one after another: the rows that carry the customer's id or belong to one of their decisions, and the
    rank events that name them.

    Times are ISO 8601, records the JSON they are.
    """
    mine = select(decisions.c.decision_id).where(decisions.c.customer_id == customer_id)
    for table in metadata.sorted_tables:
        condition = _condition(table, customer_id, mine)
        if condition is not None:
            for row in connection.execute(select(table).where(condition)).mappings():
                yield table.name, {name: _shown(name, value) for name, value in row.items()}
    for row in rankings_of(connection, Naming(customer_id)):
        yield rank_events.name, {name: _shown(name, value) for name, value in row.items()}


def _condition(table: Table, customer_id: str, mine: Any) -> ColumnElement[bool] | None:
    if "customer_id" in table.c:
        return table.c.customer_id == customer_id
    if table.name != "shadow_progress" and "decision_id" in table.c:  # that one tells a challenger's place
        return table.c.decision_id.in_(mine)
    return None


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return json.loads(value)
    if name.endswith("_at") and isinstance(value, int):
        return moment(value).isoformat()
    return value
