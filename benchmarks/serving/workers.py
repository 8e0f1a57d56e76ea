"""Two workers on two cores against one on one.

The load generator, PostgreSQL and Redis need a part of the second core, so two workers cannot have two. What others leave to
them is read off the machine's account: the cores' idle time and what the workers took themselves. Answers a second are held
against that: two workers that had 1.4 cores and answered 1.3 times as much as one that had 1.0 scale 2 · 1.3 / 1.4 = 1.86
times. Cores that stand idle because workers wait for each other count as had, so what is lost by waiting shows.

While two are asked, everything may use either core, as on a machine of their own: kept to the second core, databases and
load generator waited for the worker that was on it while the first core stood idle.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psutil

from benchmarks.serving.bench import Bench, warm_up, way_of
from benchmarks.serving.measure import Burst, Way, full_load
from benchmarks.serving.plan import FULL, Plan
from benchmarks.serving.processes import BOTH, OTHER_CORE, Server, family, pin_all, running
from benchmarks.serving.shapes import PRODUCTION, READY, SERVE

WORKERS = 2
_PROCESSES = WORKERS + 1  # and the one that keeps them
_CALM_S, _PATIENCE_S = 0.5, 60.0


@dataclass(frozen=True)
class Scaled:
    """A turn of each."""

    one: Burst
    two: Burst

    @property
    def times(self) -> float:
        """How many times one worker's answers two would give if they had two cores for themselves."""
        return WORKERS * self.two.rate_alone / self.one.rate_alone


def scaled(bench: Bench, plan: Plan) -> list[Scaled]:
    """As many turns as the plan has rounds, in production shape; each worker has as many connections as the one alone."""
    one, (journey, connections) = bench.ways[PRODUCTION], FULL
    turns = []
    with _two_workers(bench) as two:
        for _ in range(plan.rounds):
            alone = full_load(one, journey, connections, plan.burst_s, plan.most)
            with _on_both_cores(bench):
                turns.append(
                    Scaled(alone, full_load(two, journey, WORKERS * connections, plan.burst_s, plan.most))
                )
    return turns


@contextmanager
def _on_both_cores(bench: Bench) -> Iterator[None]:
    """Let the load generator and the databases use either core meanwhile."""
    _pin_others(bench, BOTH)
    try:
        yield
    finally:
        _pin_others(bench, (OTHER_CORE,))


def _pin_others(bench: Bench, cores: Collection[int]) -> None:
    pin_all([psutil.Process(), *family(bench.shapes[PRODUCTION].servers)], cores)


@contextmanager
def _two_workers(bench: Bench) -> Iterator[Way]:
    shape = bench.shapes[PRODUCTION]
    command = [*SERVE, "--workers", str(WORKERS)]
    with running(
        "two workers", command, bench.folder, ready=READY, cores=BOTH, **shape.environment
    ) as server:
        _wait_for_all(server)
        way = replace(way_of(shape, server), name=server.name, cores=BOTH)
        warm_up(way)
        yield way


def _wait_for_all(server: Server) -> None:
    """Return when every worker has started: one that answers says nothing of the other. Raises `TimeoutError`."""
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE_S:
        spent = server.processor_s()
        time.sleep(_CALM_S)
        if server.processes() >= _PROCESSES and server.processor_s() - spent < _CALM_S / 10:
            return
    raise TimeoutError("the workers go on starting")
