"""A part's answers as a Parquet file, a row each, put in its place when it is complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from service.store.parquet_file import replace_file

_TIME: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    {
        "customer_id": pa.string(),
        "decision_id": pa.string(),
        "status": pa.string(),
        "group": pa.string(),
        "channel": pa.string(),
        "send_at": pa.string(),
        "coupon_code": pa.string(),
        "coupon_amount": pa.int64(),
        "coupon_currency": pa.string(),
        "coupon_expires_at": pa.string(),
        "message": pa.string(),
        "reasons": pa.list_(pa.string()),
        "answer": pa.string(),
    }
)
_READ: Final = pa.schema(
    [field.with_type(_TIME) if field.name.endswith("_at") else field for field in SCHEMA]
)
"""Times as they are in the file; answers have them as text."""


def part_path(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:05d}.parquet"


def missing_parts(folder: Path, numbers: Iterable[int]) -> list[int]:
    """The parts that are not complete."""
    return [number for number in numbers if not part_path(folder, number).is_file()]


def write_part(folder: Path, number: int, answers: Iterable[str]) -> None:
    """Write the answers beside the part's place and move them there whole."""
    table = pa.Table.from_pylist(list(map(_row, answers)), SCHEMA)
    replace_file(part_path(folder, number), partial(pq.write_table, table.cast(_READ), compression="zstd"))


def _row(answer: str) -> dict[str, Any]:
    """What a sender needs of an answer, and the whole of it."""
    said = from_json(answer)
    coupon = said["coupon"] or {}
    return {
        **{
            name: said[name]
            for name in ("customer_id", "decision_id", "status", "group", "channel", "send_at", "message")
        },
        **{f"coupon_{name}": coupon.get(name) for name in ("code", "amount", "currency", "expires_at")},
        "reasons": [reason["rule"] for reason in said["reasons"]],
        "answer": answer,
    }


def count_statuses(folder: Path, numbers: Iterable[int]) -> dict[str, int]:
    """How many answers of these parts have which status, by name."""
    counts: dict[str, int] = {}
    for number in numbers:
        for status, count in _statuses(part_path(folder, number)):
            counts[status] = counts.get(status, 0) + count
    return dict(sorted(counts.items()))


def _statuses(path: Path) -> Iterator[tuple[str, int]]:
    for each in (
        pq.read_table(path, columns=["status"], partitioning=None)["status"].value_counts().to_pylist()
    ):
        yield each["values"], each["counts"]
