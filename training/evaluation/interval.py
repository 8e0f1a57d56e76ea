"""Intervals around an estimate: Student's t around a linearised one, and the bootstrap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from models.feedback import Floats
from training.evaluation.errors import EvaluationError, NoOverlapError

if TYPE_CHECKING:
    from training.evaluation.estimator import Estimator
    from training.evaluation.rounds import EvaluatedRounds

_CHUNK = 50


def t_interval(value: float, standard_error: float, freedom: float, level: float) -> tuple[float, float]:
    """value ± t·standard_error with the two-sided quantile of `freedom` degrees of freedom; infinite where the error is.

    Raises: `EvaluationError` when the level is not between 0 and 1.

    >>> [round(bound, 3) for bound in t_interval(1.0, 0.5, 1e9, 0.95)]
    [0.02, 1.98]
    """
    if not 0 < level < 1:
        raise EvaluationError(f"level is {level}; wanted between 0 and 1")
    if math.isinf(standard_error):
        return -math.inf, math.inf
    half_width = float(stdtrit(freedom, (1 + level) / 2)) * standard_error if standard_error > 0 else 0.0
    return value - half_width, value + half_width


def bootstrap_interval(
    estimator: Estimator,
    rounds: EvaluatedRounds,
    rng: np.random.Generator,
    n_resamples: int = 1_000,
    level: float = 0.95,
) -> tuple[float, float]:
    """The percentile interval of the estimator over rounds drawn with replacement.

    Each resample is estimated as a whole, so a ratio is resampled as a ratio and a constant reward has width 0. Costs
    n_rounds·n_resamples random numbers; use it where an interval should be skewed as the estimate is.

    Raises: `NoOverlapError` when a resample carries no weight: the value has no distribution then.

    Source: Efron (1979), Bootstrap Methods: Another Look at the Jackknife.
    """
    terms = estimator.terms(rounds)
    values = [
        _resampled_values(estimator, terms, rng, min(_CHUNK, n_resamples - start))
        for start in range(0, n_resamples, _CHUNK)
    ]
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(np.concatenate(values), tails)
    return float(low), float(high)


def _resampled_values(estimator: Estimator, terms: Floats, rng: np.random.Generator, size: int) -> Floats:
    n_rounds = len(terms)
    counts = rng.multinomial(n_rounds, np.full(n_rounds, 1 / n_rounds), size=size)
    means = counts @ terms / n_rounds
    without = int(np.sum(means[:, -1] == 0))
    if without:
        raise NoOverlapError(
            f"{estimator.name}: {without} of {size} resamples carry no weight; too little overlap"
        )
    return estimator.value(means)
