"""One customer in folders of Parquet exports: their rows, and the files written anew without them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from service.bulk.erasure import forget_in_run, is_run, read_run_rows
from service.store.event_export_erasure import drop_told, read_told
from service.store.naming import Naming
from service.store.parquet_file import rewrite_batches

_AT_ONCE: Final = 1_000
_PARTS: Final = "day=*/*.parquet"
Row = dict[str, Any]


class NoExportError(ValueError):
    """A folder is none that `export-log` or `decide-batch` writes."""


@dataclass(frozen=True)
class ExportErasure:
    """What was done in a folder: rows changed by table, and the files that were written anew for it."""

    rows: dict[str, int]
    files: int


def require_export(folder: Path) -> None:
    """Raises: `NoExportError` unless `export-log` or `decide-batch` wrote the folder, whose notes are enough to tell."""
    if not is_run(folder) and not any((folder / notes).is_dir() for notes in ("days", "event_days")):
        raise NoExportError(
            "no folder of `export-log`, with days/ or event_days/ in it, nor of `decide-batch`"
        )


def read_exported(
    folder: Path, customer_id: str, anonymous_ids: Iterable[str] = ()
) -> Iterator[tuple[Path, Row]]:
    """File and row, one after another, of the customer's decisions, of what hangs on them, and of what was told of them.

    anonymous_ids: theirs as the log knows them, beside those that the export knows. Raises `NoExportError`.
    """
    require_export(folder)
    if is_run(folder):
        yield from read_run_rows(folder, customer_id)
        return
    mine: list[str] = []
    for path in _parts(folder, "decisions"):
        for row in _read(path, "customer_id", [customer_id]):
            mine.append(row["decision_id"])
            yield path, row
    for table in ("rewards", "outcomes"):
        for path in _parts(folder, table):
            yield from ((path, row) for row in _read(path, "decision_id", mine))
    yield from read_told(folder, customer_id, anonymous_ids)


def forget_exported(
    folder: Path, customer_id: str, pseudonym: str, anonymous_ids: Iterable[str] = ()
) -> ExportErasure:
    """Replace the customer in every file of the folder, as in the log: rounds, rewards, outcomes stay, what was told goes.

    A file is replaced whole, so that a reader sees the old one or the new one. Not while `export-log` writes the folder: a
    day that it has read already would come back. anonymous_ids: as for `read_exported`.

    Raises: `NoExportError`.
    """
    require_export(folder)
    if is_run(folder):
        gone = forget_in_run(folder, customer_id)
        return ExportErasure({"rows of a run": sum(gone.values())} if gone else {}, len(gone))
    mine: list[str] = []
    files = 0
    for path in _parts(folder, "decisions"):
        found = [row["decision_id"] for row in _read(path, "customer_id", [customer_id])]
        if found:
            _rewrite(path, partial(_anonymous, customer_id=customer_id, pseudonym=pseudonym))
            mine, files = mine + found, files + 1
    names: dict[str, str] = {}
    for path in _parts(folder, "outcomes"):
        known = [row["event_id"] for row in _read(path, "decision_id", mine)]
        named = list(filter(Naming(customer_id).in_text, known))
        if named:
            names |= {each: f"{pseudonym}-{len(names) + place}" for place, each in enumerate(named)}
            _rewrite(path, partial(_renamed, names=names))
            files += 1
    dropped = drop_told(folder, customer_id, anonymous_ids)
    files += sum(map(len, dropped.values()))
    changed = {"decisions": len(mine), "outcomes": len(names)}
    changed |= {table: sum(rows) for table, rows in dropped.items()}
    return ExportErasure({table: rows for table, rows in changed.items() if rows}, files)


def _anonymous(row: Row, customer_id: str, pseudonym: str) -> Row:
    if row["customer_id"] != customer_id:
        return row
    return {**row, "customer_id": pseudonym, "time_zone": "", "features": []}


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    return {**row, "event_id": names.get(row["event_id"], row["event_id"])}


def _parts(folder: Path, table: str) -> list[Path]:
    return sorted((folder / table).glob(_PARTS))


def _read(path: Path, column: str, wanted: Sequence[str]) -> list[Row]:
    """The file's rows that have one of these values in the column."""
    return (
        pq.read_table(path, filters=[(column, "in", wanted)], partitioning=None).to_pylist() if wanted else []
    )


def _rewrite(path: Path, change: Callable[[Row], Row]) -> None:
    """Put the file with every row changed in its own place, so many rows at a time."""

    def changed(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(list(map(change, batch.to_pylist())), batch.schema)

    rewrite_batches(path, changed, at_once=_AT_ONCE)
