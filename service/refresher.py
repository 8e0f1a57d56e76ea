"""One round of refreshing: the customers whose features are out of date, computed anew from the log and written.

Everything is computed from what is on disk, so a round that is done again, whole or in part, ends the same. Notes of what is
out of date are let go of after the rows are written: whatever is killed in between, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, Row

from features.base import BaseRows
from features.due import next_change
from features.online_row import ViewRow
from features.recompute import ViewComputer, next_second
from features.told_rows import canonical_rows
from features.touched import EVERYTHING, unpack_changes
from service.store.deadlock import unless_deadlocked
from service.store.stale_features import Cause, settle, take_stale, up_to_date
from service.store.told_log import read_events, read_traits

AT_ONCE: Final = {Cause.EVENT: 500, Cause.WINDOW: 50, Cause.BASE: 50}
"""Notes in a round. Those that can wait are taken in small rounds, so that no event waits for long."""


AT_LATEST: Final = timedelta(days=365)
"""When somebody is computed again of whom nothing will change: that there is a note says that they were computed."""


class RowWriter(Protocol):
    """Writes rows of customers into the online store."""

    def write_many(self, rows: Sequence[ViewRow]) -> int:
        """How many of the rows are stored."""

    def erase(self, customer_id: str) -> None:
        """Let go of every row of the customer."""

    def close(self) -> None:
        """Nothing can be written afterwards."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What features are computed from beside the log: rows of a data set, and the population's terms."""

    base: BaseRows
    population: Mapping[str, float | None]
    received_from: datetime | None
    """The log's events from then on are not in the data set; None: none of them is."""


@dataclass(frozen=True)
class Round:
    """What a round did."""

    cause: Cause
    customers: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Refresher:
    """Brings the online store up to date with the log."""

    engine: Engine
    computer: ViewComputer
    writer: RowWriter
    source: Source
    currency: str

    def step(self, cause: Cause, now: datetime) -> Round | None:
        """What was done for customers who are out of date for that cause; None where there is none."""
        as_of = next_second(now)
        with self.engine.connect() as connection:
            taken = take_stale(connection, cause, now=now, limit=AT_ONCE[cause])
            if not taken:
                return None
            customers = sorted({row.customer_id for row in taken})
            whole = up_to_date(connection, customers, as_of)
            told = read_events(connection, customers, received_from=self.source.received_from)
            said = read_traits(connection, customers)
        tables = self.source.base.of(customers, canonical_rows(told, said, currency=self.currency))
        views = self._views([unpack_changes(row.changed) for row in taken])
        rows = self.computer.compute(tables, as_of, views=views, population=self.source.population)
        stored = self.writer.write_many(rows)
        all_done = views == self.computer.reads.keys()
        due = dict.fromkeys(tables["customers"]["customer_id"].to_pylist(), as_of + AT_LATEST)
        due |= next_change(tables, as_of)
        self._settle(taken, due, set() if all_done else set(customers) - whole, now)
        return Round(cause, len(customers), stored)

    def _views(self, changes: Sequence[frozenset[str]]) -> set[str]:
        """The views that read what changed. Any event may be the first, from which a view of customers alone counts.

        Somebody who is new here, or of whom a window ended, gets the other views when nobody's event waits.
        """
        reads = self.computer.reads
        if EVERYTHING in changes:
            return set(reads)
        changed = frozenset[str]().union(*changes)
        return {view for view, read in reads.items() if read & changed or read == {"customers"}}

    def _settle(
        self, taken: Sequence[Row[Any]], due: Mapping[str, datetime], half_done: set[str], now: datetime
    ) -> None:
        def work(connection: Connection) -> list[str]:
            return settle(connection, taken, due, half_done=half_done, now=now)

        for forgotten in unless_deadlocked(self.engine, work):
            self.writer.erase(forgotten)
