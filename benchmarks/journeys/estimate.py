"""Differences between arms with intervals, one value a customer, so that a customer is a cluster of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.feedback import Floats
from models.quantile import LEVEL, Z, t_quantile
from training.measures.interval import UNKNOWN, Interval, mean_of, ratio_of


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, its standard error and the degrees of freedom that this is known with."""

    value: float
    error: float
    freedom: float

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval, by Student's t."""
        return self.error * t_quantile((1 + LEVEL) / 2, self.freedom)

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return abs(self.value) > self.half_width

    def scaled(self, by: float) -> Estimate:
        """The estimate in another unit."""
        return Estimate(value=by * self.value, error=abs(by) * self.error, freedom=self.freedom)

    def __add__(self, other: Estimate) -> Estimate:
        """The sum of two independent ones, with (e² + f²)² / (e⁴/ν_e + f⁴/ν_f) degrees of freedom.

        Source: Welch (1947), The Generalization of Student's Problem, Biometrika 34, 28-35.
        """
        squares = self.error**2 + other.error**2
        spread = self.error**4 / self.freedom + other.error**4 / other.freedom
        return Estimate(
            value=self.value + other.value,
            error=math.sqrt(squares),
            freedom=squares**2 / spread if spread else math.inf,
        )


def mean(values: Floats) -> Estimate:
    """x̄ ± t·s/√n, t of n - 1 degrees of freedom; nan of fewer than two."""
    return _estimate(mean_of(values) if len(values) > 1 else UNKNOWN, len(values))


def share(hits: float, n: float) -> Estimate:
    """The mean of n zeros and ones, `hits` of them ones: p ± t·√(p(1-p)/(n-1)); nan of fewer than two."""
    if n < 2:
        return _estimate(UNKNOWN, 0)
    p = hits / n
    return Estimate(value=p, error=math.sqrt(p * (1 - p) / (n - 1)), freedom=n - 1)


def difference(values: Floats, others: Floats) -> Estimate:
    """x̄ - ȳ ± t·√(s²_x/n_x + s²_y/n_y), t of Welch's degrees of freedom."""
    return mean(values) + mean(others).scaled(-1)


def ratio(costs: Floats, gains: Floats) -> Estimate | None:
    """Σ costs / Σ gains by the delta method: t·s(c - R·g)/(√n·ḡ); None where the gains' interval holds 0."""
    return _estimate(ratio_of(costs, gains), len(gains)) if mean(gains).is_shown else None


def _estimate(found: Interval, n: float) -> Estimate:
    """What a normal interval of n values says of the error."""
    return Estimate(
        value=found.value, error=(found.high - found.value) / Z, freedom=n - 1 if n > 1 else math.nan
    )
