"""What policies believe of their linear regressions: sums as truth, the posterior kept up with them."""

from __future__ import annotations

from scipy.linalg.blas import daxpy, dger

from models.feedback import Floats, Integers
from models.linear_statistics import LinearStatistics, NormalInverseGamma

REINVERT_AFTER = 512


class Belief:
    """One Bayesian linear regression or several, learnt by adding up `LinearStatistics`.

    The sums are the state; the posterior is computed from them on first use. `learn_one` then carries it along by a rank-one
    step (Sherman and Morrison 1950) instead of inverting again, and after `REINVERT_AFTER` such steps it is computed
    afresh, so that rounding does not pile up. `version` changes whenever the posterior does.

    ridge, shape, rate: the prior of `NormalInverseGamma`.
    """

    def __init__(self, *, ridge: float, shape: float, rate: float, statistics: LinearStatistics) -> None:
        self.prior = {"ridge": ridge, "shape": shape, "rate": rate}
        self.version = 0
        self._statistics = statistics.copy()
        self._posterior: NormalInverseGamma | None = None
        self._steps = 0

    @property
    def statistics(self) -> LinearStatistics:
        """The sums over all rounds learnt."""
        return self._statistics

    @statistics.setter
    def statistics(self, statistics: LinearStatistics) -> None:
        self._statistics = statistics.copy()
        self._posterior = None
        self.version += 1

    @property
    def posterior(self) -> NormalInverseGamma:
        """The posterior given the sums; computed on first use after a change that was no single round."""
        if self._posterior is None:
            self._posterior = NormalInverseGamma.of(self._statistics, **self.prior)
            self._steps = 0
        return self._posterior

    def learn(self, design: Floats, posteriors: Integers, rewards: Floats) -> None:
        """Add rounds of design vectors `(n_rounds, d)`, each to its posterior; their order does not matter."""
        if len(rewards):
            self.statistics = self._statistics + self.sums(design, posteriors, rewards)

    def unlearn(self, design: Floats, posteriors: Integers, rewards: Floats) -> None:
        """Subtract rounds that were learnt: exact up to rounding, the model is conjugate."""
        if len(rewards):
            self.statistics = self._statistics - self.sums(design, posteriors, rewards)

    def sums(self, design: Floats, posteriors: Integers, rewards: Floats) -> LinearStatistics:
        """The sums of these rounds, not added to anything."""
        return LinearStatistics.of(design, posteriors, rewards, len(self._statistics.count))

    def learn_one(self, x: Floats, k: int, reward: float) -> None:
        """Add one round of design vector `(d,)` to posterior k, in place: daxpy is y += a·x, dger A += a·xyᵀ."""
        sums = self._statistics
        sums.count[k] += 1
        daxpy(x, sums.rx[k], a=reward)
        sums.rr[k] += reward * reward
        dger(1.0, x, x, a=sums.xx[k].T, overwrite_a=1)
        self.version += 1
        self._steps += 1
        if self._steps >= REINVERT_AFTER:
            self._posterior = None
        if self._posterior is not None:
            self._carry(self._posterior, x, k, reward)

    def _carry(self, posterior: NormalInverseGamma, x: Floats, k: int, reward: float) -> None:
        """One round more: with v = Λ⁻¹x, g = 1 + xᵀv, e = r - xᵀm: Λ⁻¹ - vvᵀ/g, m + v·e/g, b + e²/2g, a + 1/2."""
        mean, inverse = posterior.mean[k], posterior.inverse[k]
        v = inverse.dot(x)
        growth = 1.0 + float(x.dot(v))
        error = reward - float(mean.dot(x))
        dger(-1.0 / growth, v, v, a=inverse.T, overwrite_a=1)
        daxpy(v, mean, a=error / growth)
        freedom = self.prior["shape"] + float(self._statistics.count[k]) / 2 - 1
        b = float(posterior.noise_variance[k]) * (freedom - 0.5) + error * error / (2 * growth)
        posterior.noise_variance[k] = b / freedom

    def merge(self, other: Belief) -> None:
        """Add what another shard learnt. Raises `ValueError` when its prior is another one."""
        if other.prior != self.prior:
            raise ValueError(f"a shard has the prior {other.prior}; wanted {self.prior}")
        self.statistics = self._statistics + other.statistics

    def discount(self, weight: float) -> None:
        """Let each round learnt so far count `weight` times: the posterior moves back towards the prior."""
        self.statistics = self._statistics.scaled(weight)
