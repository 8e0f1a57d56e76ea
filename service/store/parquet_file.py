"""Files of an export: each appears when it is whole, and a day without rows of a table has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def replace_file(path: Path, fill: Callable[[Path], Any]) -> None:
    """Write beside the file and put it in its place whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    fill(temporary)
    temporary.replace(path)


def replace_content(path: Path, content: bytes) -> None:
    """The same of a small file."""
    replace_file(path, partial(_put, content=content))


def write_table(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """The number of rows written, a row group a batch."""
    count = 0

    def fill(temporary: Path) -> None:
        nonlocal count
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for batch in batches:
                if len(batch):
                    writer.write_batch(batch, row_group_size=len(batch))
                    count += len(batch)

    replace_file(path, fill)
    return count


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """The same; where there are no rows, no file is left."""
    count = write_table(path, schema, batches)
    if count == 0:
        path.unlink()
        path.parent.rmdir()
    return count


def rewrite_batches(
    path: Path, change: Callable[[pa.RecordBatch], pa.RecordBatch], *, at_once: int = 10_000
) -> int:
    """The number of rows left after the file was replaced by what each part of it is changed to."""
    with pq.ParquetFile(path) as source:
        return write_batches(path, source.schema_arrow, map(change, source.iter_batches(batch_size=at_once)))


def count_rows(path: Path) -> int:
    """The rows of a table's file, 0 where there is none."""
    return int(pq.read_metadata(path).num_rows) if path.is_file() else 0


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
