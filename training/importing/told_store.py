"""Reads what was told of customers from the service's database, SQLite or PostgreSQL.

The service writes these tables and never meets this code: the columns named here are the contract between them. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    column,
    exists,
    func,
    make_url,
    select,
    table,
)

from features.told import ToldEvent, ToldTrait
from training.evaluation.log_store import open_connection
from training.evaluation.round_labels import microseconds
from training.importing.told_source import told_event, told_trait

SETTLING: Final = timedelta(minutes=1)
"""How long after it was received a message may still be on its way into the log; the log's patience is shorter."""
_CHUNK: Final = 5_000
_events = table(
    "events",
    *map(column, ("message_id", "customer_id", "anonymous_id", "type", "name")),
    *map(column, ("occurred_at", "received_at", "content")),
)
_identities = table("identities", column("anonymous_id"), column("customer_id"))
_traits = table("traits", *map(column, ("customer_id", "name", "value", "told_at")))


@dataclass(frozen=True, kw_only=True)
class ToldStore:
    """The open log, as it is at one moment; see `ToldSource`."""

    connection: Connection
    name: str
    until: datetime

    def events(self) -> Iterator[ToldEvent]:
        """Those of customers, and with them what is still nobody's under an anonymous id that is theirs."""
        owned, known = _events.c.customer_id, _identities.c.customer_id
        mine = select(_events, owned.label("owner")).where(owned.is_not(None), self._in_time())
        named = and_(_identities.c.anonymous_id == _events.c.anonymous_id, owned.is_(None))
        joined = select(_events, known.label("owner")).join(_identities, named).where(self._in_time())
        found = (self._stream(mine, owned), self._stream(joined, known))
        return map(told_event, heapq.merge(*found, key=lambda row: row["owner"]))

    def traits(self) -> Iterator[ToldTrait]:
        """As of now: a log keeps no other."""
        return map(told_trait, self._stream(select(_traits), _traits.c.customer_id))

    def count_nobodys(self) -> int:
        """Counted by the database."""
        known = exists().where(_identities.c.anonymous_id == _events.c.anonymous_id)
        nobodys = (_events.c.customer_id.is_(None), self._in_time(), ~known)
        return self.connection.scalar(select(func.count()).select_from(_events).where(*nobodys)) or 0

    def _in_time(self) -> ColumnElement[bool]:
        return _events.c.received_at < microseconds(self.until)

    def _stream(self, query: Select[Any], customer_id: ColumnElement[Any]) -> Iterator[RowMapping]:
        """By customer, in the order of Python's texts, whatever the database's own is."""
        order = customer_id.collate("C") if self.connection.dialect.name == "postgresql" else customer_id
        streaming = query.order_by(order).execution_options(stream_results=True, yield_per=_CHUNK)
        return iter(self.connection.execute(streaming).mappings())


@contextmanager
def open_told_store(url: str, now: datetime) -> Iterator[ToldStore]:
    """The log at a database URL, until `SETTLING` before now. Raises: `LogError` when there is none, or it is no log."""
    with open_connection(url) as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        else:
            connection.exec_driver_sql("BEGIN")
        shown = make_url(url).render_as_string(hide_password=True)
        yield ToldStore(connection=connection, name=f"event log at {shown}", until=now - SETTLING)
