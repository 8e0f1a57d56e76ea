"""Whether a worker's memory grows with what it has decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from benchmarks.serving.bench import Bench
from benchmarks.serving.load import closed_loop, post
from benchmarks.serving.shapes import DECIDE, ENDURANCE, Shape, decide_body

PARTS = 10
_CONNECTIONS, _LONGEST_S = 32, 36_000.0


@dataclass(frozen=True)
class Memory:
    """Resident megabytes of a worker: when it was ready, and after each part of its decisions."""

    decisions: int
    start_mb: float
    parts_mb: tuple[float, ...]

    @property
    def growth(self) -> float:
        """At the end, times that after the first part: by then everything that is kept once is there."""
        return self.parts_mb[-1] / self.parts_mb[0]


def endured(bench: Bench, name: str, decisions: int) -> Memory:
    """So many decisions about the customers of the base, again and again. Raises `RuntimeError` for any refusal."""
    way, asked = bench.ways[name], _again_and_again(bench.shapes[name])
    parts_mb = []
    for _ in range(PARTS):
        requests = islice(asked, max(decisions // PARTS, 1))
        load = closed_loop(way.server.address, requests, connections=_CONNECTIONS, seconds=_LONGEST_S)
        if refused := {status for status, _ in load.said} - {200}:
            raise RuntimeError(f"{name} answered {refused}")
        parts_mb.append(way.server.memory_mb())
    return Memory(decisions, bench.start_mb[name], tuple(parts_mb))


def _again_and_again(shape: Shape) -> Iterator[bytes]:
    return (post(DECIDE, decide_body(customer, ENDURANCE)) for customer in cycle(shape.customers))
