"""The whole run: everybody is asked in turns, round after round."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.serving.batches import batched
from benchmarks.serving.bench import BARE, FLOOR, SHAPES, Bench, opened
from benchmarks.serving.measure import Burst, full_load, steady_load
from benchmarks.serving.memory import endured
from benchmarks.serving.pauses import paused_load
from benchmarks.serving.plan import LOADS, PEERS_LOADS, Plan
from benchmarks.serving.results import Results
from benchmarks.serving.shapes import WHEEL
from benchmarks.serving.workers import scaled

READS = 100


def measure(var: Path, folder: Path, plan: Plan) -> Results:
    """All results; `var` is what `python -m training prepare` made, the folder is for what is generated."""
    began = time.perf_counter()
    results = Results()
    with opened(var, folder, plan) as bench:
        print(f"everything answers after {time.perf_counter() - began:.0f} s", flush=True)
        results.answer_bytes = bench.answer_bytes
        results.about = {name: peer.about for name, peer in bench.peers.items()}
        results.starts_s = {way.name: way.server.seconds_to_ready for way in bench.ours}
        for _ in range(plan.rounds):
            one_round(bench, plan, results)
        for _ in range(plan.steady_rounds):
            for name in (FLOOR, *SHAPES):
                rate = results.capacity(name, WHEEL) / 2
                burst = steady_load(bench.ways[name], WHEEL, rate, plan.steady_s, plan.most_steady)
                results.steady.append(told(burst))
        for name in plan.at_length:
            paused = paused_load(bench, name, results.capacity(name, WHEEL) / 2, plan)
            results.paused[name] = paused
            told(paused.burst)
        results.scaled = scaled(bench, plan)
        for turn in results.scaled:
            told(turn.one)
            told(turn.two)
        for name in plan.at_length:
            results.memory[name] = endured(bench, name, plan.decisions[name])
    results.minutes = (time.perf_counter() - began) / 60
    return results


def one_round(bench: Bench, plan: Plan, results: Results) -> None:
    """Everybody under each load, one after another, a batch of each of ours, and one Feast call."""
    for load in LOADS:
        asked = [FLOOR, *SHAPES, *([BARE, *bench.peers] if load in PEERS_LOADS else [])]
        for name in asked:
            burst = full_load(bench.ways[name], *load, plan.burst_s, plan.most)
            results.full.append(told(burst))
    _turn_of_batches(bench, plan, results)
    for name, call in bench.feast.items():
        spent = call.processor_us(bench.shapes[name].customers[:READS])
        results.feast_us.setdefault(name, []).append(spent)


def _turn_of_batches(bench: Bench, plan: Plan, results: Results) -> None:
    for name in plan.at_length:
        turn = batched(bench, name, plan)
        results.batched.setdefault(name, []).append(turn)
        print(f"{name}, {turn.alone:,.0f}/s one after another, {turn.batch:,.0f}/s in a batch", flush=True)


def told(burst: Burst) -> Burst:
    """The burst, having been printed."""
    load = f"{burst.connections} connections" if burst.connections else "steady"
    print(
        f"{burst.way}, {burst.journey}, {load}: {burst.rate:,.0f}/s, {burst.processor_us:,.0f} µs of processor, "
        f"p50 {burst.p50_ms:.1f} ms, p99 {burst.p99_ms:.1f} ms, pause {burst.pause_ms:.0f} ms, core {burst.room:.2f}",
        flush=True,
    )
    return burst
