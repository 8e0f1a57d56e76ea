"""What decisions add up to, in plain numbers: every decision is counted, and metric objects take ten times as long."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from models.entropy import normalized_entropy
from service.point_decisions import DecisionName
from service.record import DecisionRecord
from service.stages import STAGES, Stages

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds of the buckets of times."""
_BOUNDS: Final = tuple(map(floatToGoString, (*SECONDS, math.inf)))


class DecisionTally(Collector):
    """The metrics of decisions. Counted by the event loop alone; read by any thread."""

    def __init__(self) -> None:
        self._decisions: Counter[tuple[str, str, str]] = Counter()
        self._degraded: Counter[str] = Counter()
        self._whole = _Times()
        self._stages = {stage: _Times() for stage in STAGES}
        self._evenness: dict[DecisionName, _Mean] = {}
        self._budgets: dict[str, tuple[float, int]] = {}

    def count(self, record: DecisionRecord, stages: Stages) -> None:
        """Count an answered decision, what its stages took and the inputs that defaults stood in for."""
        self._decisions[record.request.journey, record.status, record.group] += 1
        for stage, seconds in stages.seconds.items():
            self._stages[stage].add(seconds)
        for name in record.degraded:
            self._degraded[name] += 1
        for round_ in record.rounds:
            if sum(round_.eligible) > 1:
                mean = self._evenness.get(round_.decision) or self._evenness.setdefault(
                    round_.decision, _Mean()
                )
                mean.add(normalized_entropy(round_.probabilities))
        if budget := record.standing.budget:
            self._budgets[record.request.journey] = budget.price, budget.used

    def count_time(self, seconds: float) -> None:
        """Count what a decision took from the request to its answer, or to the error that it ended in."""
        self._whole.add(seconds)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield _times("gardoon_decide_seconds", "Time to decide, log included", (), {(): self._whole})
        yield _times(
            "gardoon_decide_stage_seconds",
            "Time of each stage of a decision",
            ("stage",),
            {(stage,): times for stage, times in self._stages.items()},
        )
        decisions = CounterMetricFamily(
            "gardoon_decisions", "Decisions answered", labels=("journey", "status", "group")
        )
        for labels, count in list(self._decisions.items()):
            decisions.add_metric(labels, count)
        degraded = CounterMetricFamily(
            "gardoon_degraded_inputs", "Inputs that defaults stood in for", labels=("input",)
        )
        for name, count in list(self._degraded.items()):
            degraded.add_metric((name,), count)
        evenness = SummaryMetricFamily(
            "gardoon_choice_evenness",
            "Entropy of a choice's probabilities by that of an even choice among what was eligible",
            labels=("decision",),
        )
        for decision, mean in list(self._evenness.items()):
            evenness.add_metric((decision,), mean.count, mean.total)
        price = GaugeMetricFamily(
            "gardoon_budget_price", "Shadow price of a journey's coupon budget", labels=("journey",)
        )
        used = GaugeMetricFamily(
            "gardoon_budget_used",
            "Face value of the day's coupons that are out or used, as the last decision saw it",
            labels=("journey",),
        )
        for journey, (at_price, so_much) in list(self._budgets.items()):
            price.add_metric((journey,), at_price)
            used.add_metric((journey,), so_much)
        yield from (decisions, degraded, evenness, price, used)


class _Times:
    """How many times lie in each bucket, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds


class _Mean:
    """How many numbers there were, and their sum."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0

    def add(self, number: float) -> None:
        self.count += 1
        self.total += number


def _times(
    name: str, told: str, labels: Sequence[str], found: dict[tuple[str, ...], _Times]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, told, labels=labels)
    for values, times in found.items():
        cumulated = accumulate(list(times.counts))
        family.add_metric(values, list(zip(_BOUNDS, cumulated, strict=True)), times.total)
    return family
