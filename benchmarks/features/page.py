"""The page of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.features.batches import HEADING, MILLION, Batch
from benchmarks.features.builds import Built
from benchmarks.features.latency import Latency
from benchmarks.features.log_import import Imported
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

## An event's way to the features
Over HTTP into a running service, through the refresher (`python -m service refresh`) and back by the reader that decisions
use, on the real data set; then thousands of events at once.

| log and online store | p50, ms | p99, ms | processor, ms an event | events/s | customers/s | peak memory, MB |
|---|---|---|---|---|---|---|
{live}

## The event log as a data set
`python -m training import log` from SQLite, in a process of its own.

| messages | seconds | of them processor | messages/s | peak memory, MB | of it before the first message, MB |
|---|---|---|---|---|---|
{imports}

## Building features
Everybody's {views} views at one time, from a shop's tables in Parquet, in a process of its own.

| engine | customers | seconds | customers/s | peak memory, MB |
|---|---|---|---|---|
{builds}

## Decisions for a whole base
`python -m service decide-batch` with two processes; memory is that of the command and its processes.

{batch_heading}
{batches}

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
    imports: Sequence[Imported]
    live: Mapping[str, Latency]
    builds: Mapping[str, Sequence[Built]]
    batches: Sequence[Batch]


def write_page(path: Path, results: Results, targets: Sequence[Target]) -> None:
    """Write the results as Markdown."""
    schema, writes = load_schema(), results.writes
    page = _PAGE.format(
        command=_command(results),
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
        live="\n".join(_live(name, measured) for name, measured in results.live.items()),
        imports="\n".join(map(_imported, results.imports)),
        builds="\n".join(_built(name, built) for name, each in results.builds.items() for built in each),
        batch_heading=HEADING,
        batches="\n".join(map(str, results.batches)),
        targets="\n".join(f"- {target}" for target in targets),
    )
    path.write_text(page, encoding="utf-8")


def _command(results: Results) -> str:
    command = f"python -m benchmarks.features --customers {results.fills[-1].customers}"
    return command + (" --million" if any(batch.customers >= MILLION for batch in results.batches) else "")


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


def _live(name: str, measured: Latency) -> str:
    times = f"{measured.p50_ms:.0f} | {measured.p99_ms:.0f} | {measured.processor_ms:.0f}"
    rates = f"{measured.events_per_s:,.0f} | {measured.customers_per_s:,.0f}"
    return f"| {name} | {times} | {rates} | {measured.peak_mb:,.0f} |"


def _imported(measured: Imported) -> str:
    times = f"{measured.seconds:.1f} | {measured.processor_seconds:.1f}"
    memory = f"{measured.peak_mb:,.0f} | {measured.start_mb:,.0f}"
    return f"| {measured.messages:,} | {times} | {measured.messages / measured.seconds:,.0f} | {memory} |"


def _built(engine: str, built: Built) -> str:
    return (
        f"| {engine} | {built.customers:,} | {built.seconds:.1f} | {built.rate:,.0f} | {built.peak_mb:,.0f} |"
    )


def _fill(filled: Filled) -> str:
    rate = filled.customers / filled.seconds
    memory = f"{filled.peak_mb:,.0f} | {filled.start_mb:,.0f}"
    return f"| {filled.customers:,} | {filled.seconds:.1f} | {rate:,.0f} | {memory} |"
