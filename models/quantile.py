"""Quantiles of the distributions that intervals are made of."""

from __future__ import annotations

from typing import Final

from scipy.special import ndtri, stdtrit

LEVEL: Final = 0.95
"""Of the intervals in reports and pictures."""


def normal_quantile(probability: float) -> float:
    """What a standard normal variable stays below with this probability.

    >>> round(normal_quantile(0.975), 3)
    1.96
    """
    return float(ndtri(probability))


def t_quantile(probability: float, freedom: float) -> float:
    """What a variable of Student's t distribution stays below with this probability; freedom: its degrees, above 0.

    >>> round(t_quantile(0.975, 9), 3)
    2.262
    """
    return float(stdtrit(freedom, probability))


Z: Final = normal_quantile((1 + LEVEL) / 2)
"""Half the width of a normal interval at `LEVEL`, in standard errors."""
