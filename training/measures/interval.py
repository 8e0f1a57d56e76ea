"""Intervals of shares and of ratios of sums, at the level of all reports."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from models.feedback import Booleans, Floats, Integers
from models.quantile import Z


class Interval(NamedTuple):
    """A value with its bounds, nan where it is not known."""

    value: float
    low: float
    high: float


UNKNOWN: Final = Interval(math.nan, math.nan, math.nan)


def share_of(n_hits: int, n: int) -> Interval:
    """n_hits/n with Wilson's interval: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    It keeps to [0, 1] and has a width at 0 of n, too. Source: Wilson (1927), Probable Inference, JASA 22, 209-212.

    >>> [round(each, 4) for each in share_of(0, 10)]
    [0.0, 0.0, 0.2775]
    """
    return _wilson(n_hits / n, n) if n else UNKNOWN


def clustered_share_of(hits: Floats, trials: Floats) -> Interval:
    """p = Σhits/Σtrials, `(n_customers,)` each: Wilson's interval at the trials that as many independent ones would be.

    n = Σtrials/max(D, 1), D being the variance by the delta method over p(1-p)/Σtrials; where p is 0 or 1, which show no
    variance, the number of customers with a trial. Sources: Kish (1965), Survey Sampling, section 8.2; Franco, Little, Louis
    and Slud (2019), Journal of Survey Statistics and Methodology 7 (3), which compares such intervals.
    """
    total = float(trials.sum())
    if not total:
        return UNKNOWN
    p, n_customers = float(hits.sum()) / total, int((trials > 0).sum())
    if p in (0.0, 1.0) or n_customers < 2:
        return _wilson(p, n_customers)
    spread = float(np.sum((hits - p * trials) ** 2)) * n_customers / (n_customers - 1)
    return _wilson(p, total / max(spread / (total * p * (1 - p)), 1.0))


def _wilson(p: float, n: float) -> Interval:
    squared = Z * Z / n
    centre = (p + squared / 2) / (1 + squared)
    half = Z * math.sqrt(p * (1 - p) / n + squared / (4 * n)) / (1 + squared)
    return Interval(p, max(centre - half, 0.0), min(centre + half, 1.0))


def ratio_of(numerators: Floats, denominators: Floats) -> Interval:
    """R = Σy/Σx, `(n_units,)` each, by the delta method: Var R ≈ n/(n-1) Σ(y - R x)²/(Σx)².

    Units are customers: the orders or messages of one are no independent news. Needs two units and Σx > 0.
    Source: Deng, Knoblich and Lu (2018), Applying the Delta Method in Metric Analytics, KDD, section 2.
    """
    n, total = len(denominators), float(denominators.sum())
    if total <= 0:
        return UNKNOWN
    value = float(numerators.sum()) / total
    if n < 2:
        return Interval(value, math.nan, math.nan)
    squares = float(np.sum((numerators - value * denominators) ** 2))
    half = Z * math.sqrt(squares * n / (n - 1)) / total
    return Interval(value, value - half, value + half)


def sums_by(place: Integers, values: Floats | Booleans, n: int) -> Floats:
    """Sums of the values by place, `(n,)`."""
    return np.asarray(np.bincount(place, weights=values, minlength=n), dtype=np.float64)


def mean_of(values: Floats) -> Interval:
    """The mean of one value a customer, `(n,)`, with its normal interval: `ratio_of` with x = 1."""
    return ratio_of(values, np.ones(len(values)))
