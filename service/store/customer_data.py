"""Everything that the log holds of one customer, for the customer to have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from models.packing import unpack
from service.store.engine import moment
from service.store.event_erasure import asides_of, events_of
from service.store.naming import Naming
from service.store.row_erasure import rankings_of
from service.store.tables import decisions, events, events_aside, metadata, rank_events


def read_customer(connection: Connection, customer_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Table and row, one after another: the rows that carry the customer's id or belong to one of their decisions, what was
    told of them before they were known by it, and the rank events that name them.

    Times are ISO 8601, records the JSON they are.
    """
    mine = select(decisions.c.decision_id).where(decisions.c.customer_id == customer_id)
    for table in metadata.sorted_tables:
        condition = _condition(table, customer_id, mine)
        if condition is not None:
            for row in connection.execute(select(table).where(condition)).mappings():
                yield table.name, {name: _shown(name, value) for name, value in row.items()}
    naming = Naming(customer_id)
    for name, rows in (
        (events.name, events_of(connection, customer_id)),
        (events_aside.name, asides_of(connection, naming)),
        (rank_events.name, rankings_of(connection, naming)),
    ):
        yield from ((name, {column: _shown(column, value) for column, value in row.items()}) for row in rows)


def _condition(table: Table, customer_id: str, mine: Any) -> ColumnElement[bool] | None:
    if table in (events, events_aside):
        return None  # what is somebody's is not told by the id alone
    if "customer_id" in table.c:
        return table.c.customer_id == customer_id
    if table.name != "shadow_progress" and "decision_id" in table.c:  # that one tells a challenger's place
        return table.c.decision_id.in_(mine)
    return None


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return json.loads(unpack(value) if name == "record" else value)
    if name.endswith("_at") and isinstance(value, int):
        return moment(value).isoformat()
    return value
