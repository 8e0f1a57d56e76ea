"""The data set that the online store was filled from: its rows by customer, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.recompute import SCHEMAS
from features.told_rows import Row

_TIME = pa.timestamp("us")


class BaseRows:
    """Each canonical table sorted by customer, and where each customer's rows begin."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self._tables = {name: tables[name].sort_by("customer_id").combine_chunks() for name in SCHEMAS}
        self._places = {name: _places(table) for name, table in self._tables.items()}

    def of(self, customers: Iterable[str], told: Mapping[str, list[Row]]) -> dict[str, pa.Table]:
        """The customers' rows here and those that were told since: an order of the same id is the one told.

        Of a customer what was told stands in for what is here, but that they joined when they first did.
        """
        wanted = list(customers)
        tables = {name: self._slices(name, wanted) for name in SCHEMAS if name != "customers"}
        told_orders = {(row["customer_id"], row["order_id"]) for row in told["orders"]}
        if told_orders:
            here = tables["orders"].select(["customer_id", "order_id"]).to_pydict()
            pairs = zip(here["customer_id"], here["order_id"], strict=True)
            kept = pa.array([pair not in told_orders for pair in pairs], pa.bool_())
            tables["orders"] = tables["orders"].filter(kept)
        joined = {name: pa.concat_tables([rows, as_table(name, told[name])]) for name, rows in tables.items()}
        known = self._slices("customers", wanted).to_pylist()
        return {**joined, "customers": as_table("customers", _merged(known, told["customers"]))}

    def _slices(self, name: str, customers: list[str]) -> pa.Table:
        table, places = self._tables[name], self._places[name]
        found = [table.slice(*places[each]) for each in customers if each in places]
        return pa.concat_tables(found) if found else table.slice(0, 0)


def load_base(folder: Path | None, shift: timedelta) -> BaseRows:
    """The data set of a folder with its times moved by whole seconds; None: no rows at all.

    Raises `FileNotFoundError` naming the table that is missing.
    """
    if folder is None:
        return BaseRows({name: schema.empty_table() for name, schema in SCHEMAS.items()})
    tables = {}
    for name, schema in SCHEMAS.items():
        rows = pq.read_table(folder / f"{name}.parquet", columns=schema.names)
        tables[name] = _shifted(rows, shift).cast(schema)
    return BaseRows(tables)


def as_table(name: str, rows: list[Row]) -> pa.Table:
    """Rows of a canonical table as Arrow has them here; what a row lacks is null."""
    schema = SCHEMAS[name]
    aware = pa.schema([pa.field(each.name, _aware(each.type)) for each in schema])
    return pa.Table.from_pylist(rows, schema=aware).cast(schema) if rows else schema.empty_table()


def _aware(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", tz="UTC") if kind == _TIME else kind


def _merged(known: list[dict[str, Any]], told: list[Row]) -> list[Row]:
    rows: dict[str, Row] = {}
    for row in known:
        rows[row["customer_id"]] = row | {"joined_at": row["joined_at"].replace(tzinfo=UTC)}
    for row in told:
        before = rows.get(row["customer_id"], {})
        first_at = min(row["joined_at"], before.get("joined_at", row["joined_at"]))
        rows[row["customer_id"]] = {**before, **row, "joined_at": first_at}
    return list(rows.values())


def _places(table: pa.Table) -> dict[str, tuple[int, int]]:
    counted = pc.value_counts(table["customer_id"].combine_chunks())
    owners, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    starts = np.cumsum(counts) - counts
    places = zip(starts.tolist(), counts.tolist(), strict=True)
    return dict(zip(owners, places, strict=True))


def _shifted(rows: pa.Table, shift: timedelta) -> pa.Table:
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            naive = rows[field.name].cast(pa.timestamp("us", tz=field.type.tz)).cast(_TIME)
            moved = pc.add(naive, pa.scalar(shift, pa.duration("us")))
            rows = rows.set_column(place, field.name, moved)
    return rows
