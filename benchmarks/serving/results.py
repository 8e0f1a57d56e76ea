"""What was measured."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.serving.batches import Batched
from benchmarks.serving.measure import Burst
from benchmarks.serving.memory import Memory
from benchmarks.serving.pauses import Paused
from benchmarks.serving.workers import Scaled


@dataclass
class Results:
    """Bursts of full load in the order of the rounds, steady ones, and what else there is by name of the shape."""

    full: list[Burst] = field(default_factory=list)
    steady: list[Burst] = field(default_factory=list)
    paused: dict[str, Paused] = field(default_factory=dict)
    feast_us: dict[str, list[float]] = field(default_factory=dict)
    starts_s: Mapping[str, float] = field(default_factory=dict)
    batched: dict[str, list[Batched]] = field(default_factory=dict)
    scaled: list[Scaled] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    """How the peers are set."""
    answer_bytes: int = 0
    minutes: float = 0.0

    def of(self, way: str, journey: str, connections: int) -> list[Burst]:
        """One load of one server, a burst a round."""
        return [b for b in self.full if (b.way, b.journey, b.connections) == (way, journey, connections)]

    def capacity(self, way: str, journey: str) -> float:
        """The most that it answered a second: of its loads the best median."""
        loads = {b.connections for b in self.full if (b.way, b.journey) == (way, journey)}
        return max(median(self.of(way, journey, each), lambda burst: burst.rate) for each in loads)

    def ratio(self, way: str, other: str, journey: str, connections: int) -> float:
        """How many times the other's answers a second, had each its core alone: the median of the rounds' ratios."""
        pairs = zip(self.of(way, journey, connections), self.of(other, journey, connections), strict=True)
        return statistics.median(mine.rate_alone / theirs.rate_alone for mine, theirs in pairs)

    def said(self, way: str, journey: str) -> Counter[tuple[int, str]]:
        """How often it answered with which HTTP status and status of a decision, over all loads."""
        return sum((b.said for b in self.full if (b.way, b.journey) == (way, journey)), Counter())

    def feast_call_us(self, shape: str) -> float:
        """Processor time of one `get_online_features`; nan where it was not measured."""
        found = self.feast_us.get(shape, [])
        return statistics.median(found) if found else float("nan")


def median_batch(batched: Sequence[Batched], what: Callable[[Batched], float]) -> float:
    """The median over turns."""
    return statistics.median(map(what, batched))


def median(bursts: Sequence[Burst], what: Callable[[Burst], float]) -> float:
    """The median over bursts."""
    return statistics.median(map(what, bursts))
