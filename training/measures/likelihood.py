"""Maximum likelihood of models whose parameters are positive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from models.feedback import Floats
from training.measures.note import Note

_STEP: Final = 1e-3
_FAR: Final = 12.0
"""Logarithms of parameters stay within it: some data have no maximum, such as customers of whom none ever leaves."""


class FitError(ValueError):
    """Data that a model cannot be fitted to; `note` says why."""

    def __init__(self, note: Note) -> None:
        super().__init__(str(note))
        self.note = note


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Parameters `(n,)` and the covariance of their logarithms `(n, n)`, nan where the likelihood does not tell it."""

    parameters: Floats
    log_covariance: Floats


def maximise(log_likelihood: Callable[[Floats], float], n_parameters: int) -> Fit:
    """The parameters of the greatest likelihood, from all of them 1 on; the covariance is the inverse Hessian's.

    Raises: `FitError` when the search does not end.
    """

    def loss(logs: Floats) -> float:
        value = -log_likelihood(np.exp(logs))
        return value if np.isfinite(value) else 1e300

    start = np.zeros(n_parameters)
    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 300 * n_parameters})
    found = minimize(loss, found.x, method="L-BFGS-B", bounds=[(-_FAR, _FAR)] * n_parameters)
    if not np.isfinite(found.fun) or found.fun >= 1e300:
        raise FitError(Note("The likelihood is finite nowhere."))
    return Fit(parameters=np.exp(found.x), log_covariance=_inverse_hessian(loss, found.x))


def _inverse_hessian(loss: Callable[[Floats], float], at: Floats) -> Floats:
    """By central differences; nan where it is not positive definite."""
    n = len(at)
    hessian = np.empty((n, n))
    for i, first in enumerate(np.eye(n) * _STEP):
        for j, second in enumerate(np.eye(n) * _STEP):
            around = loss(at + first + second) + loss(at - first - second)
            across = loss(at + first - second) + loss(at - first + second)
            hessian[i, j] = (around - across) / (4 * _STEP**2)
    hessian = (hessian + hessian.T) / 2
    if not np.isfinite(hessian).all() or np.linalg.eigvalsh(hessian)[0] <= 0:
        return np.full((n, n), np.nan)
    return np.asarray(np.linalg.inv(hessian))


def gradient_of(values: Callable[[Floats], Floats], fit: Fit) -> Floats:
    """Of values `(n,)` by the logarithms of the parameters, `(n_parameters, n)`, by central differences."""
    logs = np.log(fit.parameters)
    steps = np.eye(len(logs)) * _STEP
    return np.array(
        [(values(np.exp(logs + each)) - values(np.exp(logs - each))) / (2 * _STEP) for each in steps]
    )
