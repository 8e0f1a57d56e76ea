"""Anyone's own files as a data set: orders, and where there are any customers and events, by column mapping.

What is decided where a file leaves it open:

- **Orders without an order id.** Rows of one customer at one time are one order and are summed, equal rows too: two equal
  lines are two things bought, not a mistake that could be told from one. Where times are whole days, an order is then a
  customer's purchases of a day, which is how purchase frequency is counted on such data.
- **Orders with an id.** A row is an order and a second row of the same id is refused; with `order_by_line` a row is a line
  of an order, lines are summed, and the order is of its earliest line's time. A line of another customer's order is refused.
- **Discounts.** `coupon_discount` is part of `discount`, which is at least that much. Missing discounts are 0, a missing
  quantity is 1.
- **Times.** ISO 8601, YYYYMMDD or the given format; one without an offset is of `time_zone`. The clock's repeated hour in
  autumn is read as the engine (ICU) reads it.
- **Customers** are those of all three files. One without `joined_at`, or with a later one, joined at the first order or
  event. Consent and reachability that no file states are false: nobody's consent is made up.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from training.importing.column_map import resolve_columns
from training.importing.dataset import DatasetDescription, DatasetManifest, dataset_folder, write_dataset
from training.importing.order_table import build_tables, count_rounded, count_unlisted
from training.importing.rejects import Reject, RowCount
from training.importing.row_rule import RowRule, customer_rule, event_rule, order_rule, sort_rows
from training.importing.source_file import ImportRefusedError, SourceRows, read_source

_MAP_OPTIONS: Final = {"orders": "--map", "customers": "--map-customers", "events": "--map-events"}


@dataclass(frozen=True, kw_only=True)
class OutsideFile:
    """A file and which of its columns stand for ours; columns of the same name need no mapping."""

    path: Path
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OrderFormat:
    """How to read the files: `amount_scale` units of `currency` are one unit of the file's amounts."""

    currency: str = "IRT"
    amount_scale: float = 1.0
    time_zone: str = "UTC"
    time_format: str | None = None
    separator: str = "comma"
    order_by_line: bool = False


def import_orders(
    var: Path, name: str, files: Mapping[str, OutsideFile], form: OrderFormat
) -> tuple[DatasetManifest, dict[str, RowCount]]:
    """The manifest of the data set written, and what became of the rows of each file.

    `files` has "orders" and may have "customers" and "events". Raises ImportRefusedError when a file cannot be read or lacks
    a needed column, and DatasetError when no order is left to write.
    """
    folder = dataset_folder(var, name)
    _check(form)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"set TimeZone = '{form.time_zone}'")
        counts, rejects = _sort_files(connection, files, form)
        tables = build_tables(connection)
        notes = _notes(connection, files, form)
    description = DatasetDescription(
        name=name,
        source=", ".join(files[kind].path.name for kind in _MAP_OPTIONS if kind in files),
        currency=form.currency,
        amount_scale=form.amount_scale,
        notes=notes,
    )
    return write_dataset(folder, description, tables, rejects), counts


def name_from(path: Path) -> str:
    """A data set name made of the file's.

    >>> name_from(Path("downloads/My orders (2024).csv"))
    'My-orders-2024'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:64]


def _check(form: OrderFormat) -> None:
    if form.time_zone not in zoneinfo.available_timezones():
        raise ImportRefusedError(f"time zone {form.time_zone!r}: wanted an IANA name such as Asia/Tehran")
    if not 0 < form.amount_scale < 1e9:
        raise ImportRefusedError(
            f"amount scale {form.amount_scale}: wanted a number above 0 and below a thousand million"
        )
    if not re.fullmatch(r"[A-Z]{3}", form.currency):
        raise ImportRefusedError(f"currency {form.currency!r}: wanted a code of three capitals such as IRT")


def _sort_files(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, OutsideFile], form: OrderFormat
) -> tuple[dict[str, RowCount], list[Reject]]:
    connection.register("known_zones", pa.table({"name": sorted(zoneinfo.available_timezones())}))
    counts: dict[str, RowCount] = {}
    rejects: list[Reject] = []
    for kind in ("orders", "events", "customers"):  # customers refer to the other two
        source = read_source(files[kind].path, form.separator) if kind in files else _no_rows()
        columns = _resolve(files[kind], kind, source, form) if kind in files else {}
        count, refused = _sort_kind(connection, kind, _rule(kind, form, columns), source, columns)
        rejects += refused
        if kind in files:
            counts[kind] = count
    return counts, rejects


def _sort_kind(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    rule: RowRule,
    source: SourceRows,
    columns: Mapping[str, str],
) -> tuple[RowCount, list[Reject]]:
    try:
        return sort_rows(connection, kind, rule, source, columns)
    except duckdb.InvalidInputException as error:
        raise ImportRefusedError(f"the time format cannot be used: {error}") from error


def _resolve(file: OutsideFile, kind: str, source: SourceRows, form: OrderFormat) -> dict[str, str]:
    rule = _rule(kind, form, {})
    names = source.rows.column_names
    try:
        return resolve_columns(names, rule.required, rule.optional, file.mapping, _MAP_OPTIONS[kind])
    except ImportRefusedError as error:
        raise ImportRefusedError(f"{file.path}: {error}") from error


def _rule(kind: str, form: OrderFormat, columns: Mapping[str, str]) -> RowRule:
    if kind == "events":
        return event_rule(time_format=form.time_format)
    if kind == "customers":
        return customer_rule(time_format=form.time_format)
    return order_rule(
        time_format=form.time_format,
        amount_scale=form.amount_scale,
        has_order_id="order_id" in columns,
        order_by_line=form.order_by_line,
    )


def _no_rows() -> SourceRows:
    return SourceRows(rows=pa.table({}), lines=pa.array([], pa.int64()), malformed=())


def _notes(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, OutsideFile], form: OrderFormat
) -> tuple[str, ...]:
    notes = [f"times without an offset are of {form.time_zone}"]
    if form.amount_scale != 1:
        notes.append(f"stored amounts are the file's x {form.amount_scale:g}")
    rounded = count_rounded(connection)
    if rounded:
        notes.append(
            f"rows rounded to whole {form.currency}: {rounded:,}; a larger amount scale keeps the fractions"
        )
    unlisted = count_unlisted(connection)
    if "customers" in files and unlisted:
        notes.append(
            f"customers that the customers file lacks: {unlisted:,}; without consent, reachability and zone"
        )
    return tuple(notes)
