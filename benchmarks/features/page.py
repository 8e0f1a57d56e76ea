"""The page of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.features.reads import Reads
from benchmarks.features.rows import Rows
from benchmarks.features.writes import Filled, Writes
from benchmarks.policies.document import machine
from benchmarks.target import Target
from features.schema import load_schema

_PAGE = """# Features: what they cost to write and to read

Written by `{command}`
(`make bench-features` is a shorter one): {machine}.
{features} features in {views} views, as declared in `features/schema.toml`. Ours and Feast's own take turns in one run, so
a busy machine slows both; the ratio counts.

## One customer's features, all views
Microseconds a read, medians of rounds. Feast's is `get_online_features` with a feature service that was resolved before,
without turning the answer into Python values; ours does that too.

| online store | ours, processor | ours, waited | Feast, processor | Feast, waited | Feast's processor time by ours |
|---|---|---|---|---|---|
{reads}

## Filling Redis
An empty Redis that appends to a file. Feast's is `write_to_online_store` in batches of 5,000; ours also reads back and
counts what arrived. After each round both had stored the same bytes ({same:.0%} of the rounds).

| writer | customers/s |
|---|---|
| ours | {ours:,.0f} |
| Feast | {feast:,.0f} |
| ours by Feast's | {ratio:.1f} |

Ours alone at size, in a process of its own:

| customers | seconds | customers/s | peak memory, MB | of it before the first row, MB |
|---|---|---|---|---|
{fills}

## One row of one customer
What an event changes: a row of the funnel view, milliseconds until it is stored, medians of rounds. Feast's is
`write_to_online_store`, on which its `push` stands. Feast reads ours as they were written.

| online store | ours | Feast | Feast's by ours |
|---|---|---|---|
{rows}

## Targets
{targets}
"""


@dataclass(frozen=True)
class Results:
    """All that was measured; reads and rows by the online store's name."""

    reads: Mapping[str, Reads]
    rows: Mapping[str, Rows]
    writes: Writes
    fills: tuple[Filled, Filled]
    """A quarter of the customers, then all."""


def write_page(path: Path, results: Results, targets: Sequence[Target]) -> None:
    """Write the results as Markdown."""
    schema, writes = load_schema(), results.writes
    page = _PAGE.format(
        command=f"python -m benchmarks.features --customers {results.fills[-1].customers}",
        machine=machine(),
        features=len(schema.features),
        views=len(schema.views),
        reads="\n".join(_read(name, measured) for name, measured in results.reads.items()),
        rows="\n".join(_row(name, measured) for name, measured in results.rows.items()),
        same=writes.same,
        ours=writes.ours,
        feast=writes.feast,
        ratio=writes.ratio,
        fills="\n".join(_fill(filled) for filled in results.fills),
        targets="\n".join(f"- {target}" for target in targets),
    )
    path.write_text(page, encoding="utf-8")


def _read(name: str, measured: Reads) -> str:
    us = (
        measured.ours_processor,
        measured.ours_waited,
        measured.feast_processor,
        measured.feast_waited,
    )
    return f"| {name} | " + " | ".join(f"{value:,.0f}" for value in us) + f" | {measured.ratio:.1f} |"


def _row(name: str, measured: Rows) -> str:
    return f"| {name} | {measured.ours_ms:.2f} | {measured.feast_ms:.2f} | {measured.ratio:.1f} |"


def _fill(filled: Filled) -> str:
    rate = filled.customers / filled.seconds
    memory = f"{filled.peak_mb:,.0f} | {filled.start_mb:,.0f}"
    return f"| {filled.customers:,} | {filled.seconds:.1f} | {rate:,.0f} | {memory} |"
