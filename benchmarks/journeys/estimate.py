"""Differences between arms with intervals, one value a customer, so that a customer is a cluster of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Floats

Z: Final = 1.959964


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
    if len(values) < 2:
        return Estimate(value=float("nan"), half_width=float("nan"))
    se = float(values.std(ddof=1)) / np.sqrt(len(values))
    return Estimate(value=float(values.mean()), half_width=float(Z * se))


def difference(values: Floats, others: Floats) -> Estimate:
    """x̄ - ȳ ± z·√(s²_x/n_x + s²_y/n_y)."""
    return mean(values) + mean(others).scaled(-1)


def ratio(costs: Floats, gains: Floats) -> Estimate | None:
    """Σ costs / Σ gains by the delta method: z·s(c - R·g)/(√n·ḡ); None where the gains' interval holds 0."""
    if not mean(gains).is_shown:
        return None
    found = float(costs.sum() / gains.sum())
    residual = mean(costs - found * gains)
    return Estimate(value=found, half_width=residual.half_width / abs(float(gains.mean())))
