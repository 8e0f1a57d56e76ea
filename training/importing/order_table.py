"""The canonical tables out of the good rows of outside files. Each query states its order: equal files give equal bytes."""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa

from features.tables import TABLES

_MEASURES: Final = tuple(name for name, kind in TABLES["customers"].items() if kind == "float64")
_FLAGS: Final = tuple(name for name, kind in TABLES["customers"].items() if kind == "boolean")

_LINES: Final = """
    create temp table lines as
    select coalesce(order_id, customer_id || '@' || strftime(ordered_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'))
               as order_id,
           customer_id, ordered_at, line, product_id, category, round(amount)::bigint as amount,
           round(greatest(coalesce(discount, 0), coalesce(coupon_discount, 0)))::bigint as discount,
           round(coalesce(coupon_discount, 0))::bigint as coupon_discount, coalesce(quantity, 1)::bigint as quantity
    from accepted_orders"""
_ORDERS: Final = """
    select order_id, any_value(customer_id) as customer_id, min(ordered_at) as ordered_at, sum(amount)::bigint as amount,
           sum(discount)::bigint as discount, sum(coupon_discount)::bigint as coupon_discount,
           sum(quantity)::bigint as quantity
    from lines group by order_id order by ordered_at, order_id"""
_ORDER_LINES: Final = """
    select order_id, product_id, category, quantity, amount, discount
    from lines where product_id is not null order by order_id, line"""
_EVENTS: Final = """
    select customer_id, event, occurred_at, properties from accepted_events
    order by occurred_at, customer_id, event, properties, line"""
_CUSTOMERS: Final = f"""
    with seen as (
        select customer_id, min(done_at) as first_at
        from (select customer_id, ordered_at as done_at from accepted_orders union all
              select customer_id, occurred_at from accepted_events)
        group by customer_id)
    select customer_id, least(joined_at, first_at) as joined_at, coalesce(time_zone, '') as time_zone,
           {", ".join(_MEASURES)}, {", ".join(f"coalesce({flag}, false) as {flag}" for flag in _FLAGS)}
    from seen full join accepted_customers using (customer_id) order by customer_id"""


def build_tables(connection: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """The canonical tables from `accepted_orders`, `accepted_events` and `accepted_customers`."""
    connection.execute(_LINES)
    queries = {"orders": _ORDERS, "order_lines": _ORDER_LINES, "events": _EVENTS, "customers": _CUSTOMERS}
    return {table: connection.sql(query).to_arrow_table() for table, query in queries.items()}


def count_rounded(connection: duckdb.DuckDBPyConnection) -> int:
    """The accepted order rows whose amounts or discounts are no whole number of the currency."""
    parts = " or ".join(
        f"abs({name} - round({name})) > 1e-6" for name in ("amount", "discount", "coupon_discount")
    )
    [(rows,)] = connection.execute(f"select count(*) from accepted_orders where {parts}").fetchall()
    return int(rows)


def count_unlisted(connection: duckdb.DuckDBPyConnection) -> int:
    """The customers of orders and events that the customers file does not have."""
    query = """
        select count(*) from (
            select customer_id from accepted_orders union select customer_id from accepted_events
            except select customer_id from accepted_customers)"""
    [(customers,)] = connection.execute(query).fetchall()
    return int(customers)
