"""How heavy is the tail of the importance weights? The Pareto-k of PSIS, from sums that add over shards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Floats

CAPACITY: Final = 10_000
"""Largest weights kept: as many as PSIS wants for 11 million rounds; beyond that a smaller share of the tail is fitted."""
_FEWEST: Final = 5
_PRIOR_SCALE, _PRIOR_K, _PRIOR_ROUNDS = 3.0, 0.5, 10


@dataclass(frozen=True, kw_only=True)
class WeightTail:
    """The largest `CAPACITY` weights of n_rounds rounds, ascending."""

    n_rounds: int
    largest: Floats

    @classmethod
    def of(cls, weights: Floats) -> WeightTail:
        """The tail of these weights."""
        return cls(n_rounds=len(weights), largest=np.sort(weights)[-CAPACITY:])

    def __add__(self, other: WeightTail) -> WeightTail:
        both = np.sort(np.concatenate([self.largest, other.largest]))[-CAPACITY:]
        return WeightTail(n_rounds=self.n_rounds + other.n_rounds, largest=both)

    def pareto_k(self) -> float:
        """The shape k of a generalised Pareto distribution fitted to the min(n/5, 3√n) largest weights.

        The mean of the weights has a variance for k < 1/2, converges usefully for k < 0.7 and does not exist for k ≥ 1.
        -inf where fewer than 5 weights differ from the cut-off: there is no tail.

        Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto Smoothed Importance Sampling, arXiv:1507.02646,
        sections 2 and 6 (weakly informative prior); the fit is that of Zhang and Stephens (2009), A New and Efficient
        Estimation Method for the Generalized Pareto Distribution.
        """
        size = min(math.ceil(min(0.2 * self.n_rounds, 3 * math.sqrt(self.n_rounds))), len(self.largest) - 1)
        if size < _FEWEST:
            return -math.inf
        excess = self.largest[-size:] - self.largest[-size - 1]
        excess = excess[excess > 1e-12 * max(float(self.largest[-1]), 1e-300)]
        return _shape(excess) if len(excess) >= _FEWEST else -math.inf


def _shape(excess: Floats) -> float:
    """The posterior mean of k for ascending excesses, drawn a little to 1/2."""
    n = len(excess)
    n_grid = 30 + math.isqrt(n)
    grid = 1 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    b = grid / (_PRIOR_SCALE * excess[int(n / 4 + 0.5) - 1]) + 1 / excess[-1]
    k = np.log1p(-b[:, None] * excess).mean(axis=1)
    flat = k == 0  # where b is 0, too: an exponential tail
    scale = np.where(flat, excess.mean(), -k / np.where(flat, 1.0, b))
    log_likelihood = -n * (np.log(scale) + k + 1)
    weights = np.exp(log_likelihood - log_likelihood.max())
    best = float(b @ weights / weights.sum())
    fitted = float(np.log1p(-best * excess).mean())
    return (n * fitted + _PRIOR_ROUNDS * _PRIOR_K) / (n + _PRIOR_ROUNDS)
