"""Differences between arms with intervals, one value a customer, so that a customer is a cluster of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats
from training.measures.interval import UNKNOWN, Interval, mean_of, ratio_of


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and half the width of its normal 95 % interval."""

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
        """The sum of two independent ones."""
        width = float(np.hypot(self.half_width, other.half_width))
        return Estimate(value=self.value + other.value, half_width=width)


def mean(values: Floats) -> Estimate:
    """x̄ ± z·s/√n; nan of fewer than two."""
    return _estimate(mean_of(values) if len(values) > 1 else UNKNOWN)


def difference(values: Floats, others: Floats) -> Estimate:
    """x̄ - ȳ ± z·√(s²_x/n_x + s²_y/n_y)."""
    return mean(values) + mean(others).scaled(-1)


def ratio(costs: Floats, gains: Floats) -> Estimate | None:
    """Σ costs / Σ gains by the delta method: z·s(c - R·g)/(√n·ḡ); None where the gains' interval holds 0."""
    return _estimate(ratio_of(costs, gains)) if mean(gains).is_shown else None


def _estimate(found: Interval) -> Estimate:
    return Estimate(value=found.value, half_width=found.high - found.value)
