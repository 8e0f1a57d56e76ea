"""One customer in the folder of a run: their rows, and the files written anew without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.schema import JOIN_KEY
from service.bulk.customer_list import NAME
from service.bulk.run import NOTE
from service.store.parquet_file import replace_file

Row = dict[str, Any]


def is_run(folder: Path) -> bool:
    """Whether a run was begun in the folder."""
    return (folder / NOTE).is_file()


def read_run_rows(folder: Path, customer_id: str) -> Iterator[tuple[Path, Row]]:
    """File and row of the customer's place in the list and of their answer."""
    for path in _files(folder):
        for row in pq.read_table(path, filters=[(JOIN_KEY, "=", customer_id)], partitioning=None).to_pylist():
            yield path, row


def forget_in_run(folder: Path, customer_id: str) -> dict[str, int]:
    """How many rows went, by file; a file is replaced whole. Not while the run goes on: what it has read would come back.

    In the list a null stands where the customer was, so that every other one stays in their part.
    """
    gone: dict[str, int] = {}
    for path in _files(folder):
        with pq.ParquetFile(path) as file:
            groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
        mine = sum(pc.sum(_named(group, customer_id)).as_py() or 0 for group in groups)
        if mine:
            change = _without_name if path.name == NAME else _without_row
            _write(path, [change(group, customer_id) for group in groups])
            gone[path.name] = mine
    return gone


def _files(folder: Path) -> list[Path]:
    return [folder / NAME, *sorted(folder.glob("part-*.parquet"))]


def _named(group: pa.Table, customer_id: str) -> Any:
    return pc.fill_null(pc.equal(group[JOIN_KEY], customer_id), False)


def _without_name(group: pa.Table, customer_id: str) -> pa.Table:
    names = pc.if_else(_named(group, customer_id), pa.scalar(None, pa.string()), group[JOIN_KEY])
    return group.set_column(0, group.schema.field(0), names)


def _without_row(group: pa.Table, customer_id: str) -> pa.Table:
    return group.filter(pc.invert(_named(group, customer_id)))


def _write(path: Path, groups: list[pa.Table]) -> None:
    def fill(temporary: Path) -> None:
        with pq.ParquetWriter(temporary, groups[0].schema, compression="zstd") as writer:
            for group in groups:
                writer.write_table(group)

    replace_file(path, fill)
