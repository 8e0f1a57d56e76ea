"""Differences between arms with intervals, one value a customer, so that a customer is a cluster of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats
from models.quantile import LEVEL, Z, t_quantile
from training.measures.interval import UNKNOWN, Interval, mean_of, ratio_of


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and half the width of its 95 % interval, by Student's t."""

    value: float
    half_width: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.value) > self.half_width

    def scaled(self, by: float) -> Estimate:
        """The estimate in another unit."""
        return Estimate(value=by * self.value, half_width=abs(by) * self.half_width)

    def __add__(self, other: Estimate) -> Estimate:
        """The sum of two independent ones; where they are of few values a little too wide."""
        width = float(np.hypot(self.half_width, other.half_width))
        return Estimate(value=self.value + other.value, half_width=width)


def mean(values: Floats) -> Estimate:
    """x̄ ± t·s/√n, t of n - 1 degrees of freedom; nan of fewer than two."""
    return _estimate(mean_of(values) if len(values) > 1 else UNKNOWN, len(values))


def share(hits: float, n: float) -> Estimate:
    """The mean of n zeros and ones, `hits` of them ones: p ± t·√(p(1-p)/(n-1)); nan of fewer than two."""
    if n < 2:
        return _estimate(UNKNOWN, 0)
    p = hits / n
    half = Z * float(np.sqrt(p * (1 - p) / (n - 1)))
    return _estimate(Interval(p, p - half, p + half), n)


def difference(values: Floats, others: Floats) -> Estimate:
    """x̄ - ȳ ± √(t_x²·s²_x/n_x + t_y²·s²_y/n_y)."""
    return mean(values) + mean(others).scaled(-1)


def ratio(costs: Floats, gains: Floats) -> Estimate | None:
    """Σ costs / Σ gains by the delta method: t·s(c - R·g)/(√n·ḡ); None where the gains' interval holds 0."""
    return _estimate(ratio_of(costs, gains), len(gains)) if mean(gains).is_shown else None


def _estimate(found: Interval, n: float) -> Estimate:
    """A normal interval of n values as one by Student's t."""
    wider = t_quantile((1 + LEVEL) / 2, n - 1) / Z if n > 1 else np.nan
    return Estimate(value=found.value, half_width=(found.high - found.value) * wider)
