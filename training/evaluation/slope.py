"""SLOPE: choose an estimator's parameter from the estimates themselves, without knowing the bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from models.feedback import Floats
from models.quantile import t_quantile
from training.evaluation.errors import EvaluationError
from training.evaluation.estimator import Estimator
from training.evaluation.moments import Moments

GRID: Final = (10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, math.inf)
"""Caps, thresholds and shrinkages to choose from; those of the published experiments with Open Bandit Pipeline."""
MISS: Final = 0.1
"""The chance that one side of a width misses."""


def choose_by_slope(candidates: Sequence[Estimator], moments: Sequence[Moments]) -> int:
    """The index of the candidate that SLOPE chooses, from the candidates' sums (so shards and streams choose alike).

    Candidates are taken from the widest interval to the narrowest, which is from little bias to much; the last one is chosen
    whose estimate still agrees with every wider one: |V_i - V_j| ≤ width_i + (√6 - 1)·width_j. Width is a one-sided
    Student-t width at `MISS`. The interval of the chosen one takes the choice as given. Of candidates that are alike
    on these rounds, caps above every weight say, the last one is chosen: candidates come in the order of less bias.
    No free lunch: in the world of our tests its DRos has three times the squared error of DR: widths as large as the bias
    hide it. Read DR first.

    Raises: `EvaluationError` without a candidate.

    Source: Su, Srinath and Krishnamurthy (2020), arXiv:2002.07729; the constant after Tucker and Lee (2021), SLOPE++.
    """
    if not candidates:
        raise EvaluationError("found no candidates to choose from; wanted at least 1")
    values = np.array([float(c.value(m.means)) for c, m in zip(candidates, moments, strict=True)])
    widths = np.array([_width(c, m) for c, m in zip(candidates, moments, strict=True)])
    order = np.argsort(widths)[::-1]
    for place, i in enumerate(order):
        wider = order[:place]
        if (np.abs(values[wider] - values[i]) > widths[i] + (math.sqrt(6) - 1) * widths[wider]).any():
            return _last_alike(int(order[place - 1]), values, widths)
    return _last_alike(int(order[-1]), values, widths)


def _last_alike(chosen: int, values: Floats, widths: Floats) -> int:
    alike = (values == values[chosen]) & (widths == widths[chosen])
    return int(np.flatnonzero(alike)[-1])


def _width(candidate: Estimator, moments: Moments) -> float:
    freedom = moments.n_rounds - 1
    if freedom < 1:
        return math.inf
    gradient: Floats = candidate.gradient(moments.means)
    return math.sqrt(moments.variance(gradient) / freedom) * t_quantile(1 - MISS, freedom)
