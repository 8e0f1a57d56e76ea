"""The error of a linearised estimate and the interval around it."""

from __future__ import annotations

import math

from models.feedback import Floats
from models.quantile import t_quantile
from training.evaluation.errors import EvaluationError
from training.evaluation.moments import Moments


def linearised_error(moments: Moments, gradient: Floats, effective: float) -> float:
    """The standard error of a smooth function of the terms' means, at so many effective rounds (ESS).

    SE² = Var(g·t)/n · ESS/(ESS-1), g the gradient and Var with divisor n: with equal weights the usual unbiased s²/n. With
    one effective round nothing is known of the spread: it is infinite.
    """
    freedom = effective - 1
    variance = moments.variance(gradient) / moments.n_rounds
    return math.sqrt(variance * effective / freedom) if freedom > 1e-9 else math.inf


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
    half_width = t_quantile((1 + level) / 2, freedom) * standard_error if standard_error > 0 else 0.0
    return value - half_width, value + half_width
