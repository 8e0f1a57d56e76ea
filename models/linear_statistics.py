"""Additive sufficient statistics of Bayesian linear regression, one set a posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.feedback import Floats, Integers


@dataclass(frozen=True)
class LinearStatistics:
    """Sums over rounds of each posterior; shards add, refunds subtract.

    Their number `(k,)`, Σxxᵀ `(k, d, d)`, Σrx `(k, d)`, Σr² `(k,)`.
    """

    count: Floats
    xx: Floats
    rx: Floats
    rr: Floats

    @classmethod
    def empty(cls, n_posteriors: int, n_features: int) -> LinearStatistics:
        """No rounds."""
        k, d = n_posteriors, n_features
        return cls(np.zeros(k), np.zeros((k, d, d)), np.zeros((k, d)), np.zeros(k))

    @classmethod
    def of(cls, design: Floats, posteriors: Integers, rewards: Floats, n_posteriors: int) -> LinearStatistics:
        """The sums of `(n_rounds, d)` design vectors, each counted for its posterior."""
        sums = cls.empty(n_posteriors, design.shape[1])
        for k in range(n_posteriors):
            mine = posteriors == k
            x, r = design[mine], rewards[mine]
            sums.count[k], sums.xx[k], sums.rx[k], sums.rr[k] = len(r), x.T @ x, x.T @ r, r @ r
        return sums

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> LinearStatistics:
        """The sums that an artifact holds among its arrays."""
        return cls(arrays["count"], arrays["xx"], arrays["rx"], arrays["rr"])

    def __add__(self, other: LinearStatistics) -> LinearStatistics:
        return LinearStatistics(
            self.count + other.count, self.xx + other.xx, self.rx + other.rx, self.rr + other.rr
        )

    def __sub__(self, other: LinearStatistics) -> LinearStatistics:
        return LinearStatistics(
            self.count - other.count, self.xx - other.xx, self.rx - other.rx, self.rr - other.rr
        )

    def copy(self) -> LinearStatistics:
        """The same sums in arrays of their own."""
        return LinearStatistics(self.count.copy(), self.xx.copy(), self.rx.copy(), self.rr.copy())

    def scaled(self, weight: float) -> LinearStatistics:
        """Each round counted `weight` times: a prior made of simulated rounds weighs less than its number."""
        return LinearStatistics(self.count * weight, self.xx * weight, self.rx * weight, self.rr * weight)


@dataclass(frozen=True)
class NormalInverseGamma:
    """The posterior of (θ, σ²) given statistics under θ|σ² ~ N(0, σ²/ridge·I), σ² ~ IG(shape, rate).

    Per posterior: mean m = Λ⁻¹Σrx `(k, d)`, covariance factor Λ⁻¹ `(k, d, d)` with Λ = ridge·I + Σxxᵀ, and the noise
    variance's posterior mean b/(a - 1) `(k,)` with a = shape + n/2, b = rate + (Σr² - mᵀΛm)/2.
    Source: Bishop (2006), Pattern Recognition and Machine Learning, section 3.3 and exercise 3.12.
    """

    mean: Floats
    inverse: Floats
    noise_variance: Floats

    @classmethod
    def of(
        cls, statistics: LinearStatistics, *, ridge: float, shape: float, rate: float
    ) -> NormalInverseGamma:
        """The posterior of each set of sums. `shape` must exceed 1, so that the noise variance has a mean."""
        precision = statistics.xx + ridge * np.eye(statistics.rx.shape[1])
        inverse = np.linalg.inv(precision)
        inverse = (inverse + inverse.transpose(0, 2, 1)) / 2
        mean = np.einsum("kij,kj->ki", inverse, statistics.rx)
        residual = statistics.rr - np.einsum("ki,ki->k", mean, statistics.rx)
        b = rate + np.maximum(residual, 0.0) / 2
        return cls(mean, inverse, b / (shape + statistics.count / 2 - 1))
