"""What was told of customers as files of rows, a file a table, and what of it could not be used."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from features.tables import EVENTS
from features.told import (
    COUPON_EXPIRED,
    COUPON_GIVEN,
    COUPON_REDEEMED,
    ToldEvent,
    ToldTrait,
    event_fault,
    product_fault,
    products_of,
    trait_fault,
)
from features.told_rows import Row, canonical_rows
from training.importing.dataset import table_schema
from training.importing.rejects import Reject, RowCount, count_reasons, row_text
from training.importing.told_source import ToldPart

SPOOLED: Final = ("customers", "orders", "order_lines", "campaigns", "redemptions", "events")
_USED: Final = {*EVENTS, COUPON_GIVEN, COUPON_EXPIRED, COUPON_REDEEMED}
_MOST_NAMED: Final = 5


class ToldSpool:
    """Files of the canonical tables' rows in a folder, written part after part; closed when the block ends.

    Customers have one more column, `told`: the names of what was told of them, for a value that was taken back is null as
    one is that was never told.
    """

    def __init__(self, folder: Path, *, currency: str) -> None:
        self.rejects: list[Reject] = []
        self._currency = currency
        self._read: Counter[str] = Counter()
        self._unused: Counter[str] = Counter()
        self._schemas = {table: table_schema(table) for table in SPOOLED}
        self._schemas["customers"] = self._schemas["customers"].append(
            pa.field("told", pa.list_(pa.string()))
        )
        self._writers = {
            table: pq.ParquetWriter(spooled_file(folder, table), schema, compression="lz4")
            for table, schema in self._schemas.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, part: ToldPart) -> None:
        """Write the part's rows, and keep what of it cannot be used."""
        for event in part.events:
            self._look_at_event(event)
        for trait in part.traits:
            self._look_at_trait(trait)
        rows = canonical_rows(part.events, part.traits, currency=self._currency)
        for row in rows["customers"]:
            row["told"] = list(row)
        for table, schema in self._schemas.items():
            self._write(table, schema, rows[table])

    def counts(self) -> dict[str, RowCount]:
        """What became of messages, of their products and of traits."""
        counts = {}
        for table, read in self._read.items():
            refused = [reject for reject in self.rejects if reject.table == table]
            counts[table] = RowCount(read=read, accepted=read - len(refused), rejected=count_reasons(refused))
        return counts

    def notes(self, nobodys: int) -> Iterator[str]:
        """What a reader of the numbers has to know."""
        if nobodys:
            yield f"messages of somebody who is not known yet, left out: {nobodys:,}"
        if self._unused:
            ordered = sorted(self._unused.items(), key=lambda each: (-each[1], each[0]))
            names = [f"{name}: {rows:,}" for name, rows in ordered[:_MOST_NAMED]]
            names += ["..."] * (len(self._unused) > _MOST_NAMED)
            yield f"messages that no feature is made of: {self._unused.total():,} ({', '.join(names)})"

    def _write(self, table: str, schema: pa.Schema, rows: list[Row]) -> None:
        if rows:
            self._writers[table].write_batch(pa.RecordBatch.from_pylist(rows, schema))

    def _look_at_event(self, event: ToldEvent) -> None:
        if event.track not in _USED and event.type != "identify":  # which tells traits
            self._unused[event.track or event.type] += 1
        self._read["messages"] += 1
        if fault := event_fault(event, currency=self._currency):
            self._refuse("messages", f"{event.track} {fault}", event)
            return
        for product in products_of(event):
            self._read["products"] += 1
            if fault := product_fault(product):
                self._refuse("products", fault, event)

    def _look_at_trait(self, trait: ToldTrait) -> None:
        self._read["traits"] += 1
        if fault := trait_fault(trait):
            self._refuse("traits", fault, trait)

    def _refuse(self, table: str, fault: str, told: ToldEvent | ToldTrait) -> None:
        """Reasons are counted, so what was found stands in the row alone."""
        reason = re.sub(r"found .*, (?=wanted)", "", fault)
        self.rejects.append(Reject(table, self._read[table], reason, _text(told)))


def _text(told: ToldEvent | ToldTrait) -> str:
    """What was told, as a row."""
    if isinstance(told, ToldTrait):
        return row_text([told.customer_id, told.name, json.dumps(told.value)])
    properties = json.dumps(told.properties)
    return row_text([told.message_id, told.customer_id, told.name, told.occurred_at, properties])


def spooled_file(folder: Path, table: str) -> Path:
    """Where a table's rows are spooled."""
    return folder / f"{table}.parquet"
