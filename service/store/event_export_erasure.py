"""What was told of one customer in an export of the event log: their rows, and the files written anew without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.events.told import JOINING
from service.store.event_export import events_file, note_event_day, read_event_day
from service.store.parquet_file import count_rows, rewrite_batches

_STATES: Final = ("traits", "identities")


def read_told(
    folder: Path, customer_id: str, anonymous_ids: Iterable[str] = ()
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """File and row, one after another, of the customer's events, traits and anonymous ids.

    anonymous_ids: theirs as the log knows them; those that the export knows are found.
    """
    mine = _condition(customer_id, {*anonymous_ids, *_anonymous_ids(folder, customer_id)})
    for path in _files(folder, "events"):
        yield from ((path, row) for row in _rows(path, mine))
    for path in (path for table in _STATES for path in _files(folder, table)):
        yield from ((path, row) for row in _rows(path, pc.field("customer_id") == customer_id))


def drop_told(folder: Path, customer_id: str, anonymous_ids: Iterable[str] = ()) -> dict[str, list[int]]:
    """How many rows went from each file that had some, by table; days of events are noted anew."""
    mine = _condition(customer_id, {*anonymous_ids, *_anonymous_ids(folder, customer_id)})
    conditions = {"events": mine, **dict.fromkeys(_STATES, pc.field("customer_id") == customer_id)}
    dropped = {
        table: [rows for path in _files(folder, table) if (rows := _drop(path, condition))]
        for table, condition in conditions.items()
    }
    for note in sorted((folder / "event_days").glob("*.json")):
        _note_anew(folder, date.fromisoformat(note.stem))
    return dropped


def _anonymous_ids(folder: Path, customer_id: str) -> set[str]:
    """The anonymous ids that the export knows as the customer's: identified so last, or ever while nobody else was."""
    his = pc.field("customer_id") == customer_id
    joins = his & pc.field("type").isin(sorted(JOINING)) & pc.field("anonymous_id").is_valid()
    found = [(path, joins) for path in _files(folder, "events")]
    found += [(path, his) for path in _files(folder, "identities")]
    return {row["anonymous_id"] for path, condition in found for row in _rows(path, condition)}


def _condition(customer_id: str, anonymous_ids: Iterable[str]) -> pc.Expression:
    """Told by the customer's id, or by an anonymous id that is theirs while the event is nobody else's."""
    who, visitor = pc.field("customer_id"), pc.field("anonymous_id")
    nobodys = who.is_null() & visitor.isin(pa.array(sorted(anonymous_ids), pa.string()))
    return (who == customer_id) | nobodys | (visitor == customer_id)


def _rows(path: Path, condition: pc.Expression) -> Iterator[dict[str, Any]]:
    yield from pq.read_table(path, filters=condition, partitioning=None).to_pylist()


def _drop(path: Path, condition: pc.Expression) -> int:
    found = len(pq.read_table(path, columns=["customer_id"], filters=condition, partitioning=None))
    if found:
        rewrite_batches(path, partial(_without, condition=condition))
    return found


def _without(batch: pa.RecordBatch, condition: pc.Expression) -> pa.RecordBatch:
    """What the condition does not hold of; where it is unknown, as of an event without anonymous id, it does not hold."""
    held = pa.Table.from_batches([batch]).filter(~pc.coalesce(condition, pc.scalar(False)))
    return pa.RecordBatch.from_arrays([each.combine_chunks() for each in held.columns], schema=held.schema)


def _files(folder: Path, table: str) -> list[Path]:
    return sorted((folder / table).glob("**/part.parquet"))


def _note_anew(folder: Path, day: date) -> None:
    """Make a day's note tell of its file as it is; one that an earlier run was cut off before, too."""
    known, file = read_event_day(folder, day), events_file(folder, str(day))
    if known is not None and known.rows != (rows := count_rows(file)):
        nobodys = len(list(_rows(file, pc.field("customer_id").is_null()))) if rows else 0
        note_event_day(folder, replace(known, rows=rows, nobodys=nobodys))
