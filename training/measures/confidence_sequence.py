"""Intervals that hold at every time at once: one may look after each round and stop when one likes."""

from __future__ import annotations

import math

import numpy as np

from models.feedback import Floats
from training.measures.interval import Interval


def boundary(n: Floats, *, alpha: float, best_at: float) -> Floats:
    """Half the width of the interval after n rounds of standard deviation 1, `(n_rounds,)`.

    √(2 (n ρ² + 1)/(n² ρ²) · ln(√(n ρ² + 1)/α)), narrowest about n = best_at by ρ² = (-2 ln α + ln(-2 ln α) + 1)/best_at.
    best_at must not depend on the data.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic
    confidence sequences, Annals of Statistics 52 (6), Theorem 2.2, and the paper's choice of ρ for a time.
    """
    squared = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / best_at
    grown = n * squared + 1
    return np.asarray(np.sqrt(2 * grown / (n * n * squared) * np.log(np.sqrt(grown) / alpha)))


def running_intervals(terms: Floats, *, alpha: float, best_at: float) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high after each round, `(n_rounds,)` each: the running mean of the terms' conditional expectations.

    With probability 1 - α, asymptotically, all of them hold it at once. The terms may depend on earlier ones: the paper's
    version for martingale differences needs only that each is unbiased given what came before.
    """
    n = np.arange(1.0, len(terms) + 1)
    mean = np.cumsum(terms) / n
    variance = np.maximum(np.cumsum(terms * terms) / n - mean * mean, 0.0)
    half = np.sqrt(variance) * boundary(n, alpha=alpha, best_at=best_at)
    return mean, mean - half, mean + half


def interval_now(terms: Floats, *, alpha: float, best_at: float) -> Interval:
    """The last of the running intervals; nan without a round."""
    if not len(terms):
        return Interval(math.nan, math.nan, math.nan)
    return Interval(*(float(each[-1]) for each in running_intervals(terms, alpha=alpha, best_at=best_at)))
