"""What was counted, as findings: of each input of each model, and of each part of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from features.schema import Schema
from models.feedback import Floats
from training.drift.distribution import N_BINS, spread
from training.drift.monitored import Monitored, MonitoredInput
from training.drift.stability import Grade, Stability, stability
from training.drift.tally import Tally
from training.drift.watching import Watched

FILLED: Final = ("missing", "stale")
"""Problems of a view that make defaults stand in for all its features; of an incomplete one they do for some."""

MOST_DAYS: Final = 31
"""A log that is longer is told by weeks."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One input in training or in the log: rows, the share where it is missing, its mean, its quantiles, its shares by bin.

    quantiles: smallest, `QUANTILES`, largest. Of a log the quantiles are a sample's.
    """

    n_rows: int
    missing: float
    mean: float
    quantiles: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class InputFinding:
    """One input of one model, in training and in the log.

    defaults: the share of decisions in which its whole view was missing or stale, so that a default stood in. outside: the
    share of known values beyond the smallest and the largest of training. bins: what each share is of.
    """

    model: str
    name: str
    found: Stability
    trained: Side
    seen: Side
    defaults: float
    outside: float
    bins: tuple[str, ...]

    @property
    def grade(self) -> Grade:
        """What its index says."""
        return self.found.grade


@dataclass(frozen=True, kw_only=True)
class PartFinding:
    """One part of the log, a journey or a time: its decisions, about how many customers they were of, what was degraded.

    found: the stability of each input, by model and name.
    """

    name: str
    n_decisions: int
    n_customers: float
    degraded: dict[str, float]
    n_degraded: int
    found: dict[tuple[str, str], Stability]

    def count(self, grade: Grade) -> int:
        """The number of inputs of that grade."""
        return sum(each.grade == grade for each in self.found.values())

    @property
    def worst(self) -> tuple[str, Stability]:
        """The input that shifted most, and how far."""
        (_, name), found = max(self.found.items(), key=lambda each: each[1].shift)
        return name, found


def input_findings(monitored: Monitored, watched: Watched) -> list[InputFinding]:
    """Each input, the largest shifts first."""
    total = watched.total
    defaults = _defaults(monitored.schema, total)
    sampled = watched.sample.columns[0]
    findings = [
        InputFinding(
            model=each.model.name,
            name=each.name,
            found=_stability(each, place, total),
            trained=_trained(each),
            seen=_seen(place, total, sampled[:, each.of_values]),
            defaults=defaults.get(each.name, 0.0),
            outside=float(total.outside[place] / max(total.counts[place, :N_BINS].sum(), 1)),
            bins=_bin_names(each),
        )
        for place, each in enumerate(monitored.inputs)
    ]
    return sorted(findings, key=lambda each: (-each.found.shift, each.name, each.model))


def journey_findings(monitored: Monitored, watched: Watched) -> list[PartFinding]:
    """Each journey, by name."""
    return [_part(name, tally, monitored) for name, tally in sorted(watched.by_journey.items())]


def time_findings(monitored: Monitored, watched: Watched) -> list[PartFinding]:
    """Each day (UTC) that decisions were made on, or each week from Monday on, oldest first."""
    days = sorted(watched.by_day)
    weekly = days[-1] - days[0] >= MOST_DAYS
    tallies: dict[date, Tally] = {}
    for day in days:
        on = date(1970, 1, 1) + timedelta(days=day)
        start = on - timedelta(days=on.weekday()) if weekly else on
        tally = watched.by_day[day]
        tallies[start] = tallies[start] + tally if start in tallies else tally
    return [
        _part(f"week of {start}" if weekly else str(start), each, monitored)
        for start, each in tallies.items()
    ]


def degraded_shares(tally: Tally) -> dict[str, float]:
    """The share of decisions by `VIEW:PROBLEM`, the largest first."""
    return {name: n / tally.n_decisions for name, n in tally.degraded.most_common()}


def _part(name: str, tally: Tally, monitored: Monitored) -> PartFinding:
    return PartFinding(
        name=name,
        n_decisions=tally.n_decisions,
        n_customers=tally.n_customers,
        degraded=degraded_shares(tally),
        n_degraded=tally.n_degraded,
        found={
            (each.model.name, each.name): _stability(each, place, tally)
            for place, each in enumerate(monitored.inputs)
        },
    )


def _stability(each: MonitoredInput, place: int, tally: Tally) -> Stability:
    """Over the bins that the model's training has."""
    trained, seen = each.model.trained, tally.counts[place]
    kept = [*range(trained.n_bins[each.of_model]), N_BINS]
    return stability(
        trained.counts[each.of_model][kept],
        seen[kept],
        n_trained=trained.n_customers,
        n_seen=min(tally.n_customers, float(seen.sum())),
    )


def _trained(each: MonitoredInput) -> Side:
    trained, place = each.model.trained, each.of_model
    return _side(trained.counts[place], float(trained.means[place]), trained.quantiles[place])


def _seen(place: int, tally: Tally, sampled: Floats) -> Side:
    counts = tally.counts[place]
    n_known = counts[:N_BINS].sum()
    return _side(counts, float(tally.totals[place] / n_known) if n_known else np.nan, spread(sampled))


def _side(counts: Floats, mean: float, quantiles: Floats) -> Side:
    n_rows = int(counts.sum())
    shares = counts / max(n_rows, 1)
    return Side(
        n_rows=n_rows,
        missing=float(shares[N_BINS]),
        mean=mean,
        quantiles=tuple(quantiles.tolist()),
        shares=tuple(shares.tolist()),
    )


def _defaults(schema: Schema, tally: Tally) -> dict[str, float]:
    """By column, the share of decisions in which its whole view was filled."""
    return {
        column: sum(tally.degraded[f"{view.name}:{problem}"] for problem in FILLED) / tally.n_decisions
        for view in schema.views
        for feature in view.features
        for column in feature.columns
    }


def _bin_names(each: MonitoredInput) -> tuple[str, ...]:
    return tuple(_intervals(each.model.trained.edges[each.of_model]))


def _intervals(edges: Sequence[float] | Floats) -> Iterator[str]:
    """A text for each of the `N_BINS + 1` places of counts; empty for those that an input has no use for."""
    finite = [f"{edge:.4g}" for edge in edges if np.isfinite(edge)]
    bounds = ["", *finite, ""]
    for low, high in pairwise(bounds):
        yield f"to {high}" if high else f"over {low}"
    yield from [""] * (N_BINS - len(finite) - 1)
    yield "missing"
