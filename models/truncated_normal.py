"""Draws of a normal vector, none of whose components may be negative."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from models.feedback import Floats

SWEEPS = 30
_LEAST = 1e-300


def draw_non_negative(rng: np.random.Generator, mean: Floats, covariance: Floats, n_draws: int) -> Floats:
    """Draws `(n_draws, d)` of N(mean, covariance) given that every component is at least 0.

    Gibbs sampling, one chain a draw, all started at max(mean, 0): component i given the others is a normal of variance
    1/Q_ii and mean m_i - Σ_{j≠i} Q_ij (x_j - m_j) / Q_ii, cut at 0 and drawn by its inverse distribution function; Q is
    the precision. After `SWEEPS` rounds of all components the chains' last states are taken. Exact as the sweeps go to
    infinity; slow to mix only where components are nearly collinear.
    Source: Geweke (1991), Efficient Simulation from the Multivariate Normal and Student-t Distributions Subject to Linear
    Constraints.
    """
    precision = np.linalg.inv(covariance)
    scale = 1 / np.sqrt(np.diag(precision))
    weights = precision * (scale * scale)[:, None]
    np.fill_diagonal(weights, 0.0)
    away = np.tile(np.maximum(mean, 0.0) - mean, (n_draws, 1))
    for u in rng.random((SWEEPS, len(mean), n_draws)):
        for i in range(len(mean)):
            center = mean[i] - away @ weights[i]
            above = np.maximum((1 - u[i]) * ndtr(center / scale[i]), _LEAST)
            away[:, i] = np.maximum(center - scale[i] * ndtri(above), 0.0) - mean[i]
    return np.asarray(away + mean)
