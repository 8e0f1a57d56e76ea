"""The canonical tables out of what was told of customers and an earlier data set. Equal rows give equal bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from features.tables import TABLES
from training.importing.told_spool import spooled_file

_BATCH: Final = 50_000
_ORDER: Final = {
    "customers": "customer_id",
    "orders": "ordered_at, order_id, customer_id",
    "order_lines": "order_id, file_row_number",
    "campaigns": "campaign_id, customer_id, starts_at, ends_at",
    "coupons": "coupon_id, campaign_id, product_id",
    "redemptions": "redeemed_at, customer_id, coupon_id, campaign_id",
    "events": "occurred_at, customer_id, event, properties",
}
_CORRECTED: Final = ("orders", "order_lines")
"""Of these the base's rows of an order that the log has, too, go."""
_NEVER_NULL: Final = {
    "time_zone": "''",
    **{name: "false" for name, kind in TABLES["customers"].items() if kind == "boolean"},
}


def table_reader(
    connection: duckdb.DuckDBPyConnection, table: str, spool: Path, base: Path | None
) -> pa.RecordBatchReader:
    """A canonical table, read as it is asked for: what was spooled, and what the data set in `base` has beside it."""
    if table == "customers":
        query = _customers(_file(spool, table), None if base is None else _file(base, table))
    else:
        query = _rows(table, spool, base)
    return connection.cursor().sql(query).to_arrow_reader(_BATCH)


def _rows(table: str, spool: Path, base: Path | None) -> str:
    columns = ", ".join(TABLES[table])
    files = [_file(spool, table)] if spooled_file(spool, table).is_file() else []
    told = [f"select {columns}, file_row_number from {file}" for file in files]
    if base is not None:
        known = f"select order_id from {_file(spool, 'orders')}"
        where = f"where order_id not in ({known})" if table in _CORRECTED else ""
        told.append(f"select {columns}, file_row_number from {_file(base, table)} {where}")
    return f"select {columns} from ({' union all '.join(told)}) order by {_ORDER[table]}"


def _customers(told: str, base: str | None) -> str:
    """Of a customer in both what the log was told counts, what it took back too; they joined when the first knew them."""
    columns = [name for name in TABLES["customers"] if name not in ("customer_id", "joined_at")]
    if base is None:
        chosen = [f"{_filled(name, name)} as {name}" for name in columns]
        return f"select customer_id, joined_at, {', '.join(chosen)} from {told} order by customer_id"
    merged = [
        f"{_filled(name, f'''case when list_contains(log.told, '{name}') then log.{name} else base.{name} end''')} as {name}"
        for name in columns
    ]
    return f"""select customer_id, least(log.joined_at, base.joined_at) as joined_at, {", ".join(merged)}
        from {told} as log full join {base} as base using (customer_id) order by customer_id"""


def _filled(name: str, value: str) -> str:
    return f"coalesce({value}, {_NEVER_NULL[name]})" if name in _NEVER_NULL else value


def _file(folder: Path, table: str) -> str:
    path = str(spooled_file(folder, table)).replace("'", "''")
    return f"read_parquet('{path}', file_row_number = true)"
