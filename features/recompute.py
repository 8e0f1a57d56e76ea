"""The views of some customers computed anew: the definitions, compiled once, over these customers' rows alone.

Compiling a definition takes a second, and parsing its SQL as long as running it on a few rows: each view is prepared once,
over tables that are filled again for every computation. DuckDB plans a prepared query anew whenever it runs; on tables this
small its optimizer takes longer than it saves, so it is off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import ibis
import ibis.expr.operations as ops
import pyarrow as pa

from features.definitions import view_rows
from features.history import Sources
from features.live_zone import ZoneTable
from features.online_row import ViewRow
from features.population import TERMS, TIME
from features.quiet import quiet_ibis
from features.schema import Schema, View
from features.tables import EVENTS, TABLES, TIMESTAMP

THREADS: Final = 2
"""Views that are computed at the same time."""
READ: Final = ("customers", "orders", "campaigns", "redemptions", "events")
"""The canonical tables that definitions read."""
_TYPES: Final = {
    TIMESTAMP: pa.timestamp("us"),
    "string": pa.string(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "boolean": pa.bool_(),
}
SCHEMAS: Final = {
    table: pa.schema([(column, _TYPES[kind]) for column, kind in TABLES[table].items()]) for table in READ
}
"""Arrow's schemas of those tables; times are UTC without saying so, which spares the engine its time zones."""
_MOMENT: Final = pa.schema([("as_of_s", pa.int64()), (TIME, pa.timestamp("us"))])
_POPULATION: Final = pa.schema([(TIME, pa.timestamp("us")), *((term, pa.float64()) for term in TERMS)])


class ViewComputer:
    """Computes views of some customers. One thread at a time may use it."""

    def __init__(self, *, schema: Schema, zones: ZoneTable) -> None:
        self._views = {view.name: view for view in schema.views}
        self._zones = zones
        self._backend = ibis.duckdb.connect(threads=1)
        self._connection: Any = self._backend.con
        self._filler: Any = (
            self._connection.cursor()
        )  # what it registers makes no prepared statement plan anew
        extra = {"moment": _MOMENT, "population": _POPULATION, "zone_offsets": zones.schema}
        self._filled = dict.fromkeys([*SCHEMAS, *extra], 0)
        self._cursors: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="views")
        self._moment: tuple[datetime, Mapping[str, float | None]] | None = None
        with quiet_ibis():
            for name, columns in {**SCHEMAS, **extra}.items():
                self._backend.create_table(name, schema=ibis.Schema.from_pyarrow(columns))
            self._tables_of: dict[str, frozenset[str]] = {}
            self.reads = {view.name: self._prepare(view) for view in schema.views}
        """The canonical tables that each view reads, and the events by name (see `features.touched`)."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()
        self._backend.disconnect()

    def compute(
        self,
        tables: Mapping[str, pa.Table],
        as_of: datetime,
        *,
        views: Collection[str],
        population: Mapping[str, float | None],
    ) -> list[ViewRow]:
        """The rows of the customers in `tables` (see `SCHEMAS`) at `as_of`, a whole second."""
        for name in frozenset[str]().union(*(self._tables_of[view] for view in views)):
            self._fill(name, tables[name])
        if offsets := self._zones.cover(set(tables["customers"]["time_zone"].to_pylist()), as_of):
            self._fill("zone_offsets", pa.Table.from_pylist(offsets, schema=self._zones.schema))
        self._fill_moment(as_of, population)
        wanted = [name for name in self._views if name in views]
        found = self._threads.map(lambda name: self._rows(name, as_of), wanted)
        return [row for rows in found for row in rows]

    def _prepare(self, view: View) -> frozenset[str]:
        tables = {name: self._backend.table(name) for name in SCHEMAS}
        sources = Sources(
            **tables,
            zone_offsets=self._backend.table("zone_offsets"),
            shop_time_zone=self._zones.shop_time_zone,
            population=self._backend.table("population"),
        )
        rows = view_rows(view, sources, self._backend.table("moment"))
        query = str(ibis.to_sql(rows, dialect="duckdb"))
        self._cursors[view.name] = self._connection.cursor()
        self._cursors[view.name].execute("PRAGMA disable_optimizer")
        self._cursors[view.name].execute(f"PREPARE view AS {query}")
        found = frozenset(table.name for table in rows.op().find(ops.DatabaseTable)) & frozenset(SCHEMAS)
        self._tables_of[view.name] = found
        return found | {event for event in EVENTS if f"'{event}'" in query}

    def _fill_moment(self, as_of: datetime, population: Mapping[str, float | None]) -> None:
        """Both tables that are of the moment, unless they are of this one."""
        if self._moment == (as_of, population):
            return
        naive = as_of.astimezone(UTC).replace(tzinfo=None)
        moment = {"as_of_s": int(as_of.timestamp()), TIME: naive}
        self._fill("moment", pa.Table.from_pylist([moment], schema=_MOMENT))
        self._fill("population", pa.Table.from_pylist([{TIME: naive, **population}], schema=_POPULATION))
        self._moment = (as_of, population)

    def _fill(self, name: str, rows: pa.Table) -> None:
        if self._filled[name]:
            self._filler.execute(f"DELETE FROM {name}")
        self._filled[name] = len(rows)
        if len(rows):
            self._filler.register("given", rows)
            self._filler.execute(f"INSERT INTO {name} SELECT * FROM given")
            self._filler.unregister("given")

    def _rows(self, name: str, as_of: datetime) -> list[ViewRow]:
        view = self._views[name]
        names = [feature.name for feature in view.features]
        rows = []
        for customer_id, _at, *found in self._cursors[name].execute("EXECUTE view").fetchall():
            values = [tuple(value) if isinstance(value, list) else value for value in found]
            rows.append(ViewRow(customer_id, view, dict(zip(names, values, strict=True)), as_of))
        return rows


def next_second(now: datetime) -> datetime:
    """The first whole second after a moment: everything that happened by then is before it."""
    return now.replace(microsecond=0) + timedelta(seconds=1)
