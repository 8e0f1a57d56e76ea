"""A part's answers as a Parquet file, a row each, put in its place when it is complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

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
_COUPON: Final = pa.struct(
    {"code": pa.string(), "amount": pa.int64(), "currency": pa.string(), "expires_at": pa.string()}
)
_ANSWER: Final = pa.schema(
    {
        **{
            name: pa.string()
            for name in ("customer_id", "decision_id", "status", "group", "channel", "send_at", "message")
        },
        "coupon": _COUPON,
        "reasons": pa.list_(pa.struct({"rule": pa.string()})),
    }
)
"""What is read of an answer's JSON."""
_BLOCK: Final = 1 << 24
"""Bytes of answers that are read at a time: a thousand times the longest one."""


def part_path(folder: Path, number: int) -> Path:
    """The file of a part."""
    return folder / f"part-{number:05d}.parquet"


def missing_parts(folder: Path, numbers: Iterable[int]) -> list[int]:
    """The parts that are not complete."""
    return [number for number in numbers if not part_path(folder, number).is_file()]


def write_part(folder: Path, number: int, answers: Iterable[str]) -> None:
    """Write the answers beside the part's place and move them there whole."""
    table = _table(list(answers))
    replace_file(part_path(folder, number), partial(pq.write_table, table.cast(_READ), compression="zstd"))


def _table(answers: Sequence[str]) -> pa.Table:
    """What a sender needs of each answer, and the whole of it."""
    if not answers:
        return SCHEMA.empty_table()
    said = pj.read_json(
        pa.BufferReader("\n".join(answers).encode()),
        read_options=pj.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=pj.ParseOptions(explicit_schema=_ANSWER, unexpected_field_behavior="ignore"),
    )
    columns = {name: said[name] for name in _ANSWER.names}
    coupon, reasons = columns.pop("coupon"), columns.pop("reasons")
    columns |= {f"coupon_{field.name}": pc.struct_field(coupon, field.name) for field in _COUPON}
    columns["reasons"] = pa.chunked_array([_rules(chunk) for chunk in reasons.chunks])
    columns["answer"] = pa.array(answers)
    return pa.table([columns[name] for name in SCHEMA.names], SCHEMA)


def _rules(reasons: pa.ListArray) -> pa.ListArray:
    return pa.ListArray.from_arrays(reasons.offsets, reasons.values.field("rule"))


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
