"""The interval around a linearised estimate."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from training.evaluation.errors import EvaluationError


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
