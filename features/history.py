"""Rows as they were known at an as-of time: the one place where point-in-time correctness is made.

Every view's definition (`features/offline.py` names them) is a function of `Sources` and a table of as-of times and returns
one row a customer and as-of time, for the customers who existed before it. Times are compared as whole seconds since 1970
(`..._s`), floored; as-of times are whole seconds, so `floor(t) < as_of` says exactly `t < as_of`.

Only whole numbers are ever summed, so no result depends on the order of the rows or the number of threads, and two engines
can differ in the last bit of a division or a root at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir

DAY_S = 86_400
KEYS = ("customer_id", "event_timestamp")


@dataclass(frozen=True)
class Sources:
    """The canonical tables that definitions read (see `features.tables`), and the UTC offsets of the customers' zones.

    `zone_offsets` has the columns of `features.zone.utc_offsets`. `shop_time_zone` stands in for a customer without one.
    `population` has the terms of `features.population` for each as-of time; None: those of these customers.
    """

    customers: ir.Table
    orders: ir.Table
    campaigns: ir.Table
    redemptions: ir.Table
    events: ir.Table
    zone_offsets: ir.Table
    shop_time_zone: str
    population: ir.Table | None = None


def as_of_table(as_ofs: Sequence[datetime]) -> ir.Table:
    """The as-of times as a table `event_timestamp`, `as_of_s`, earliest first, each once.

    Raises `ValueError` for none at all, a time without a zone, or one that is not a whole second.
    """
    if not as_ofs:
        raise ValueError("no as-of time given; at least one is needed")
    for as_of in as_ofs:
        if as_of.tzinfo is None or as_of.microsecond:
            raise ValueError(f"as-of time {as_of!r} is not an aware time of whole seconds")
    seconds = [int(as_of.timestamp()) for as_of in sorted({as_of.astimezone(UTC) for as_of in as_ofs})]
    table = ibis.memtable({"as_of_s": seconds}, schema={"as_of_s": "int64"})
    return table.mutate(event_timestamp=table.as_of_s.as_timestamp("s"))


def epoch_seconds(time: ir.Value) -> ir.IntegerValue:
    """Whole seconds since 1970, floored."""
    assert isinstance(time, ir.TimestampValue)
    return time.truncate("s").epoch_seconds().cast("int64")


def customers_at(sources: Sources, as_ofs: ir.Table) -> ir.Table:
    """One row a customer and as-of time for customers who joined before it, with the customer's columns and `joined_s`."""
    customers = sources.customers.mutate(joined_s=epoch_seconds(sources.customers.joined_at))
    return customers.join(as_ofs, [customers.joined_s < as_ofs.as_of_s])


def rows_before(rows: ir.Table, as_ofs: ir.Table) -> ir.Table:
    """Each row (which has a time `at_s`) once per as-of time after it, with its `age_s`, at least 1, at that time."""
    joined = rows.join(as_ofs, [rows.at_s < as_ofs.as_of_s])
    return joined.mutate(age_s=joined.as_of_s - joined.at_s)


def rows_within(rows: ir.Table, as_ofs: ir.Table, *, days: int) -> ir.Table:
    """The rows of `rows_before` that are at most so many days old."""
    before = rows_before(rows, as_ofs)
    return before.filter(within_days(before, days))


def channel_of(messages: ir.Table) -> ir.StringValue:
    """The channel that message events name in their properties; empty where there is none."""
    channel = messages.properties.re_extract(r'"channel"\s*:\s*"([a-z_]+)"', 1)
    assert isinstance(channel, ir.StringValue)
    return channel


def within_days(rows: ir.Table, days: int) -> ir.BooleanValue:
    """Whether a row of `rows_before` is at most so many days old."""
    return rows.age_s <= days * DAY_S


def one_row_each(sources: Sources, as_ofs: ir.Table, facts: ir.Table, *, counts: Iterable[str]) -> ir.Table:
    """`facts` (one row per `KEYS`) for every customer at every as-of time, `counts` being 0 where there were no facts."""
    joined_at = sources.customers.joined_at
    customers = sources.customers.select("customer_id", joined_s=epoch_seconds(joined_at))
    keys = customers.join(as_ofs, [customers.joined_s < as_ofs.as_of_s]).select(*KEYS)
    filled = set(counts)
    columns = {
        column: facts[column].fill_null(0) if column in filled else facts[column]
        for column in facts.columns
        if column not in KEYS
    }
    return keys.left_join(facts, list(KEYS)).select(*(keys[key] for key in KEYS), **columns)


def ratio(numerator: ir.Value, denominator: ir.Value) -> ir.FloatingValue:
    """`numerator / denominator` as a float, null where the denominator is 0."""
    top, bottom = numerator.cast("float64"), denominator.cast("float64")
    assert isinstance(top, ir.FloatingValue)
    assert isinstance(bottom, ir.FloatingValue)
    quotient = top / bottom.nullif(0.0)
    assert isinstance(quotient, ir.FloatingValue)
    return quotient
