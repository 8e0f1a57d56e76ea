"""The targets, and which numbers they are held against."""

from __future__ import annotations

import statistics

from benchmarks.serving.bench import FLOOR, SHAPES
from benchmarks.serving.peers import COMPOSITION, FEAST, MLFLOW
from benchmarks.serving.plan import FULL, LOADS, PEERS_LOADS
from benchmarks.serving.results import Results, median, median_batch
from benchmarks.serving.shapes import EMBEDDED, PRODUCTION
from benchmarks.target import Target

OF_THE_FLOOR = {EMBEDDED: 0.5, PRODUCTION: 0.7}
FLAT = 1.1
ACTING = 0.4
"""Of the decisions; the wheel gives nothing to two fifths."""


def targets_of(results: Results) -> list[Target]:
    """All of them; those of what was not measured are left out."""
    return [
        *_answers(results),
        *_throughput(results),
        *_processor(results),
        *_latency(results),
        *_peers(results),
        *_batches(results),
        *_processes(results),
    ]


def _answers(results: Results) -> list[Target]:
    """That decisions are what was measured: where it is late in the evening, most are suppressed, which costs less."""
    return [
        Target(f"{shape}, {journey}, share that acts", said[200, "act"] / said.total(), "at least", ACTING)
        for shape in SHAPES
        for journey in dict.fromkeys(journey for journey, _ in LOADS)
        if (said := results.said(shape, journey))
    ]


def _throughput(results: Results) -> list[Target]:
    return [
        Target(
            f"{shape}, {journey} at {connections} connections, requests/s by {FLOOR}'s",
            results.ratio(shape, FLOOR, journey, connections),
            "at least",
            OF_THE_FLOOR[shape],
        )
        for shape in SHAPES
        for journey, connections in LOADS
    ]


def _processor(results: Results) -> list[Target]:
    return [
        Target(
            f"{shape}, processor time of a decision by that of one get_online_features",
            median(results.of(shape, *FULL), lambda burst: burst.processor_us) / results.feast_call_us(shape),
            "at most",
            1.0,
        )
        for shape in SHAPES
        if shape in results.feast_us
    ]


def _latency(results: Results) -> list[Target]:
    found = []
    for shape in SHAPES:
        steady = [burst for burst in results.steady if burst.way == shape]
        spread = median(steady, lambda burst: burst.p99_ms / burst.p50_ms)
        found.append(Target(f"{shape}, p99 by p50 at half load", spread, "at most", 3.0))
        if shape in results.paused:
            pause = results.paused[shape].burst.pause_ms
            found.append(Target(f"{shape}, longest pause in ms while it learns", pause, "at most", 50.0))
    return found


def _peers(results: Results) -> list[Target]:
    wanted = {COMPOSITION: ("at least", 6.0), FEAST: ("more than", 1.0), MLFLOW: ("more than", 1.0)}
    return [
        Target(
            f"{PRODUCTION} at {load[1]} connections, requests/s by those of {peer}",
            results.ratio(PRODUCTION, peer, *load),
            *than,
        )
        for load in PEERS_LOADS
        for peer, than in wanted.items()
    ]


def _batches(results: Results) -> list[Target]:
    return [
        Target(
            f"{shape}, decisions/s of a batch by those of single calls one after another",
            median_batch(turns, lambda turn: turn.batch / turn.alone),
            "at least",
            5.0,
        )
        for shape, turns in results.batched.items()
    ]


def _processes(results: Results) -> list[Target]:
    starts = [
        Target(f"{shape}, seconds from start to ready", seconds, "at most", 10.0)
        for shape, seconds in results.starts_s.items()
    ]
    memory = [
        target
        for shape, held in results.memory.items()
        for target in (
            Target(f"{shape}, MB of a worker", max(held.start_mb, *held.parts_mb), "at most", 400.0),
            Target(f"{shape}, growth of it over {held.decisions:,} decisions", held.growth, "at most", FLAT),
        )
    ]
    if not results.scaled:
        return [*starts, *memory]
    times = statistics.median(turn.times for turn in results.scaled)
    return [Target("two workers by one", times, "at least", 1.7), *starts, *memory]
