"""What a good row of each outside table is, as SQL over rows of text, and the sorting of good rows from rejects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from features.tables import EVENTS, TABLES
from training.importing.rejects import Reject, RowCount, count_reasons, row_text
from training.importing.source_file import SourceRows

MOST: Final = 1e15  # amounts and quantities; sums of them stay well inside int64
_NUMBER: Final = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_OTHER_CUSTOMER: Final = "customer_id <> first_value(customer_id) over (partition by order_id order by line)"
_FLAGS: Final = tuple(name for name, kind in TABLES["customers"].items() if kind == "boolean")
_MEASURES: Final = tuple(name for name, kind in TABLES["customers"].items() if kind == "float64")


@dataclass(frozen=True, kw_only=True)
class RowRule:
    """A table's rule: the columns of the file, our values in SQL over them, and the faults with their reasons, in order.

    A fault's SQL sees the values by their names and the file's text as `text_<column>`. `unique` names the value that no two
    good rows share, or is empty.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    values: Mapping[str, str]
    faults: tuple[tuple[str, str], ...]
    unique: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a file may have for this table."""
        return self.required + self.optional


def order_rule(
    *, time_format: str | None, amount_scale: float, has_order_id: bool, order_by_line: bool
) -> RowRule:
    """The rule of orders: with an order id each row is an order, or with `order_by_line` a line of one."""
    amounts = ("amount", "discount", "coupon_discount")
    optional: tuple[str, ...] = (
        "order_id",
        "discount",
        "coupon_discount",
        "quantity",
        "product_id",
        "category",
    )
    required: tuple[str, ...] = ("customer_id", "ordered_at", "amount")
    if order_by_line:
        required, optional = (*required, "order_id"), optional[1:]
    ids = ("customer_id", "order_id") if has_order_id else ("customer_id",)
    values = {
        **{name: f"text_{name}" for name in ("customer_id", "order_id", "product_id", "category")},
        "ordered_at": _time("ordered_at", time_format),
        **{name: f"{_number(name)} * {amount_scale!r}" for name in amounts},
        "quantity": _number("quantity"),
    }
    faults = (
        *((f"{name} is null", "missing id") for name in ids),
        *_time_faults("ordered_at"),
        ("text_amount is null", "missing amount"),
        *(fault for name in (*amounts, "quantity") for fault in _number_faults(name)),
        ("quantity <> floor(quantity)", "quantity is not a whole number"),
    )
    if order_by_line:
        faults = (*faults, (_OTHER_CUSTOMER, "line of another customer's order"))
    unique = "order_id" if has_order_id and not order_by_line else ""
    return RowRule(required=required, optional=optional, values=values, faults=faults, unique=unique)


def event_rule(*, time_format: str | None) -> RowRule:
    """The rule of events: a known name, a time, and properties that are a JSON object."""
    names = ", ".join(f"'{event}'" for event in EVENTS)
    return RowRule(
        required=("customer_id", "event", "occurred_at"),
        optional=("properties",),
        values={
            "customer_id": "text_customer_id",
            "event": "text_event",
            "occurred_at": _time("occurred_at", time_format),
            "properties": "coalesce(text_properties, '{}')",
        },
        faults=(
            ("customer_id is null", "missing id"),
            *_time_faults("occurred_at"),
            (f"event is null or event not in ({names})", "unknown event"),
            (
                "case when json_valid(properties) then json_type(properties) <> 'OBJECT' else true end",
                "properties are not a JSON object",
            ),
        ),
    )


def customer_rule(*, time_format: str | None) -> RowRule:
    """The rule of customers, to be used once `accepted_orders` and `accepted_events` are there.

    A customer without `joined_at` joined with the first order or event; one with neither is refused.
    """
    unanchored = """joined_at is null and customer_id not in
        (select customer_id from accepted_orders union all select customer_id from accepted_events)"""
    flags = {name: f"coalesce(try_cast(text_{name} as boolean), false)" for name in _FLAGS}
    return RowRule(
        required=("customer_id",),
        optional=tuple(name for name in TABLES["customers"] if name != "customer_id"),
        values={
            "customer_id": "text_customer_id",
            "joined_at": _time("joined_at", time_format),
            "time_zone": "coalesce(text_time_zone, '')",
            **{name: _number(name) for name in _MEASURES},
            **flags,
        },
        faults=(
            ("customer_id is null", "missing id"),
            ("text_joined_at is not null and joined_at is null", "unreadable time"),
            ("time_zone <> '' and time_zone not in (select name from known_zones)", "unknown time zone"),
            *(fault for name in _MEASURES for fault in _number_faults(name)),
            *(
                (
                    f"text_{name} is not null and try_cast(text_{name} as boolean) is null",
                    f"{name} is not a yes or no",
                )
                for name in _FLAGS
            ),
            (unanchored, "no joined_at and no order or event"),
        ),
        unique="customer_id",
    )


def sort_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rule: RowRule,
    source: SourceRows,
    columns: Mapping[str, str],
) -> tuple[RowCount, list[Reject]]:
    """The row count and the rejects; leaves the good rows in the view `accepted_<table>`, with `line` and the values."""
    connection.register(f"source_{table}", _texts(rule, source, columns))
    values = ", ".join(f"{value} as {name}" for name, value in rule.values.items())
    cases = " ".join(f"when {fault} then {_quoted(reason)}" for fault, reason in rule.faults)
    connection.execute(
        f"""create temp table marked_{table} as
        select * exclude (fault),
               {_reason_with_duplicates(rule)} as reason
        from (select *, case {cases} end as fault from (select *, {values} from source_{table}))"""
    )
    connection.execute(f"create view accepted_{table} as select * from marked_{table} where reason is null")
    rejects = _rejects(connection, table, source)
    accepted = source.read - len(rejects)
    return RowCount(read=source.read, accepted=accepted, rejected=count_reasons(rejects)), rejects


def _reason_with_duplicates(rule: RowRule) -> str:
    if not rule.unique:
        return "fault"
    repeated = f"row_number() over (partition by fault is null, {rule.unique} order by line) > 1"
    return f"case when fault is not null then fault when {repeated} then 'duplicate {rule.unique}' end"


def _texts(rule: RowRule, source: SourceRows, columns: Mapping[str, str]) -> pa.Table:
    missing = pa.nulls(source.rows.num_rows, pa.string())
    texts = {
        f"text_{ours}": source.rows[columns[ours]] if ours in columns else missing for ours in rule.columns
    }
    trimmed = {
        name: pc.if_else(pc.equal(text, ""), None, text)
        for name, text in ((name, pc.utf8_trim_whitespace(text)) for name, text in texts.items())
    }
    return pa.table(
        {"line": source.lines, "number": pa.array(range(source.rows.num_rows), pa.int64()), **trimmed}
    )


def _rejects(connection: duckdb.DuckDBPyConnection, table: str, source: SourceRows) -> list[Reject]:
    refused = connection.execute(
        f"select number, line, reason from marked_{table} where reason is not null order by line"
    ).fetchall()
    texts = source.rows.take(pa.array([number for number, _, _ in refused], pa.int64())).to_pylist()
    rejects = [Reject(table, line, "wrong number of columns", text) for line, text in source.malformed]
    rejects += [
        Reject(table, line, reason, row_text(list(row.values())))
        for (_, line, reason), row in zip(refused, texts, strict=True)
    ]
    return sorted(rejects, key=lambda reject: reject.line)


def _time(name: str, time_format: str | None) -> str:
    text = f"text_{name}"
    if time_format is not None:
        return f"try_strptime({text}, {_quoted(time_format)})::timestamptz"
    return f"""case when regexp_full_match({text}, '\\d{{8}}') then try_strptime({text}, '%Y%m%d')::timestamptz
        when regexp_matches({text}, '^\\d{{4}}-\\d{{2}}-\\d{{2}}') then try_cast({text} as timestamptz) end"""


def _time_faults(name: str) -> tuple[tuple[str, str], ...]:
    return ((f"text_{name} is null", "missing time"), (f"{name} is null", "unreadable time"))


def _number(name: str) -> str:
    return f"case when regexp_full_match(text_{name}, '{_NUMBER}') then try_cast(text_{name} as double) end"


def _number_faults(name: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"text_{name} is not null and {name} is null", f"{name} is not a number"),
        (f"{name} < 0", f"negative {name}"),
        (f"{name} > {MOST!r}", f"{name} is too large"),
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
