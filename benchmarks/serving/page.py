"""The page of the results."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.policies.document import machine
from benchmarks.serving.bench import BARE, FLOOR, SHAPES
from benchmarks.serving.measure import Burst
from benchmarks.serving.plan import FULL, LOADS
from benchmarks.serving.results import Results, median, median_batch
from benchmarks.target import Target

PACKAGES = (
    "fastapi",
    "uvicorn",
    "uvloop",
    "pydantic",
    "feast",
    "lightgbm",
    "mlflow",
    "sqlalchemy",
    "psycopg",
)
_PAGE = """# Serving: what a decision costs over HTTP

Written by `{command}`: {machine};
{versions}. {minutes:.0f} minutes.

Every server has one worker and core 0 for itself; the load generator, PostgreSQL, which flushes, and Redis, which appends to
a file, have core 1. All run at once and are asked in turns, so a busy machine slows all alike. "Core" is the share of core 0
that other programs left to the server: where it is far from 1, the machine was not quiet. Ratios are of requests a second
divided by that share, medians of the rounds' ratios. {bare}

The floor is a FastAPI endpoint on uvicorn with uvloop and httptools that validates the body of `POST /v1/decide` and
answers, through the same response model, the same {answer_bytes:,} bytes, and does nothing else. Ours reads the features of
a customer whom nobody asked about before, scores, masks and chooses with the champions of `make run`, and answers when the
decision is on disk. "Embedded" is SQLite for everything, "production" PostgreSQL and Redis.

## Full load
So many connections, each asking again as soon as it is answered. Processor time is a request's, of the server with all its
threads and processes, and of PostgreSQL and Redis; medians of {rounds} rounds.

{full}

{peers}

What was answered, so that nobody takes refusals for decisions:

| | journey | answers |
|---|---|---|
{said}

## Steady half load
Requests at half of what was answered under full load, evenly, whatever the server does; latency counts from the moment at
which a request was to be sent. A pause is the longest time in which requests waited and none was answered. "Learning":
clicks come in all the while, a learner on the other core folds them in and publishes snapshots, and the worker swaps them.

| | requests/s | processor µs | p50 ms | p99 ms | p99 by p50 | pause ms |
|---|---|---|---|---|---|---|
{steady}

## A thousand in one call
Decisions a second of `POST /v1/decide/batch` with 1,000 items, and of single calls: one by one on one connection, and
as many at a time as the connections above. The target is held against the first; against the others a batch saves only the
requests, not the decisions.

| | one by one | {connections} at a time | batch | by one by one | by {connections} at a time | batch, processor µs |
|---|---|---|---|---|---|---|
{batches}

## Two workers
Production shape, {connections} connections a worker. Everything may use either core while two are asked. The load generator,
PostgreSQL and Redis need a part of them, so requests a second are held against what was left to the workers: idle time and
what they took themselves.

| workers | requests/s | cores left | requests/s and core |
|---|---|---|---|
{workers}

## A worker's start and memory
Resident megabytes: when it was ready, after everything above and a tenth of the decisions that follow it, and after all of
these, which are about the same customers again and again by a journey without limits.

| | seconds to ready | MB at start | decisions | MB after a tenth | MB at the end |
|---|---|---|---|---|---|
{memory}

## One get_online_features
Processor time of one call for the same features on the same store, the feature service having been resolved before.

| | µs |
|---|---|
{feast}

## Targets
A line is short where the number is under its target. The command fails only where it misses by more than {tolerance:.0%}.

{targets}
"""
_FULL = """\
| | journey | connections | requests/s | by the floor's | processor µs | databases' µs | p50 ms | p99 ms | core |
|---|---|---|---|---|---|---|---|---|---|"""


def full_table(results: Results) -> str:
    """Requests a second and what they cost, by server, journey and number of connections: a table in Markdown."""
    return "\n".join([_FULL, *_full(results)])


def write_page(
    path: Path, results: Results, targets: Sequence[Target], *, command: str, tolerance: float
) -> None:
    """Write the results as Markdown."""
    page = _PAGE.format(
        command=command,
        machine=machine(),
        versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        minutes=results.minutes,
        bare=_bare(results),
        answer_bytes=results.answer_bytes,
        rounds=len(results.of(FLOOR, *LOADS[0])),
        full=full_table(results),
        peers="\n".join(f"- {name}: {about}." for name, about in results.about.items()),
        said="\n".join(_said(results)),
        steady="\n".join(_steady(results)),
        connections=FULL[1],
        batches="\n".join(_batches(results)),
        workers="\n".join(_workers(results)),
        memory="\n".join(_memory(results)),
        feast="\n".join(f"| {name} | {results.feast_call_us(name):,.0f} |" for name in results.feast_us),
        tolerance=tolerance,
        targets="\n".join(f"- {target}" for target in targets),
    )
    path.write_text(page, encoding="utf-8")


def _bare(results: Results) -> str:
    bursts = [burst for burst in results.full if burst.way == BARE]
    rate, own = median(bursts, lambda burst: burst.rate), median(bursts, lambda burst: burst.generator_us)
    return (
        f"The load generator takes {own:,.0f} µs a request when it asks {BARE}, which answers {rate:,.0f} requests/s: "
        "it is not what limits anything here."
    )


def _own(burst: Burst) -> float:
    return burst.processor_us


def _p50(burst: Burst) -> float:
    return burst.p50_ms


def _p99(burst: Burst) -> float:
    return burst.p99_ms


def _ways(results: Results) -> list[str]:
    return list(dict.fromkeys(burst.way for burst in results.full))


def _full(results: Results) -> list[str]:
    lines = []
    for way in _ways(results):
        for journey, connections in LOADS:
            bursts = results.of(way, journey, connections)
            if not bursts:
                continue
            ratio = results.ratio(way, FLOOR, journey, connections)
            numbers = (
                f"{median(bursts, lambda burst: burst.rate):,.0f} | {ratio:.3f}",
                *(f"{median(bursts, what):,.0f}" for what in (_own, lambda burst: burst.databases_us)),
                *(f"{median(bursts, what):.1f}" for what in (_p50, _p99)),
                f"{median(bursts, lambda burst: burst.room):.2f}",
            )
            lines.append(f"| {way} | {journey} | {connections} | " + " | ".join(numbers) + " |")
    return lines


def _said(results: Results) -> list[str]:
    lines = []
    for shape in SHAPES:
        for journey in dict.fromkeys(journey for journey, _ in LOADS):
            said = results.said(shape, journey)
            shares = (
                f"{status} {stated} {n / said.total():.1%}" for (status, stated), n in said.most_common()
            )
            lines.append(f"| {shape} | {journey} | {', '.join(shares)} |")
    return lines


def _steady(results: Results) -> list[str]:
    rows = {
        way: [burst for burst in results.steady if burst.way == way]
        for way in dict.fromkeys(burst.way for burst in results.steady)
    }
    rows |= {
        f"{name}, learning ({paused.snapshots} snapshots)": [paused.burst]
        for name, paused in results.paused.items()
    }
    return [
        f"| {name} | {median(bursts, lambda b: b.rate):,.0f} | {median(bursts, _own):,.0f} | {median(bursts, _p50):.1f} | "
        f"{median(bursts, _p99):.1f} | {median(bursts, lambda b: b.p99_ms / b.p50_ms):.1f} | "
        f"{max(burst.pause_ms for burst in bursts):.0f} |"
        for name, bursts in rows.items()
    ]


def _batches(results: Results) -> list[str]:
    lines = []
    for name, turns in results.batched.items():
        alone, batch, spent = (
            median_batch(turns, what)
            for what in (lambda t: t.alone, lambda t: t.batch, lambda t: t.batch_processor_us)
        )
        beside = median(results.of(name, *FULL), lambda burst: burst.rate)
        ratio = median_batch(turns, lambda turn: turn.batch / turn.alone)
        lines.append(
            f"| {name} | {alone:,.0f} | {beside:,.0f} | {batch:,.0f} | {ratio:.2f} | {batch / beside:.2f} | {spent:,.0f} |"
        )
    return lines


def _workers(results: Results) -> list[str]:
    sides = {1: [turn.one for turn in results.scaled], 2: [turn.two for turn in results.scaled]}
    return [
        f"| {count} | {median(bursts, lambda b: b.rate):,.0f} | {median(bursts, lambda b: b.room):.2f} | "
        f"{median(bursts, lambda b: b.rate_alone):,.0f} |"
        for count, bursts in sides.items()
        if bursts
    ]


def _memory(results: Results) -> list[str]:
    return [
        f"| {name} | {results.starts_s[name]:.1f} | {held.start_mb:,.0f} | {held.decisions:,} | {held.parts_mb[0]:,.0f} | "
        f"{held.parts_mb[-1]:,.0f} |"
        for name, held in results.memory.items()
    ]
