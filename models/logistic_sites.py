"""Online Laplace approximation of Bayesian logistic regression, as sums of one normal factor a round."""

from __future__ import annotations

import math

import numpy as np

from models.feedback import Floats

REINVERT_AFTER = 512
_STEPS = 60


class LogisticSites:
    """The normal posterior N(m, Λ⁻¹) of each regression's θ, kept as sums: Λ = ridge·I + Σ w·xxᵀ, Λm = Σ (g + wη)·x.

    A round with context x and share y of a success adds the factor exp(y·xᵀθ - log(1 + e^{xᵀθ})), and the posterior is made
    normal again at the new mode (Laplace): with s = xᵀΛ⁻¹x the mode's logit η solves η = xᵀm + s·(y - σ(η)), an equation of
    one number; g = y - σ(η) is the factor's gradient there and w = σ(η)(1 - σ(η)) its curvature. Mode and curvature are
    exact for this one factor and the normal that stood before it. All logits have `offset` added to them.

    Sums `count` `(k,)`, `curvature` `(k, d, d)`, `shift` `(k, d)`.
    Source: Bishop (2006), Pattern Recognition and Machine Learning, section 4.5.1 (there for a batch of rounds).
    """

    def __init__(
        self, *, ridge: float, offset: float, count: Floats, curvature: Floats, shift: Floats
    ) -> None:
        self.ridge, self.offset = ridge, offset
        self.count, self.curvature, self.shift = count.copy(), curvature.copy(), shift.copy()
        self._moments: tuple[Floats, Floats] | None = None
        self._steps = 0

    @classmethod
    def empty(cls, n_posteriors: int, n_features: int, *, ridge: float, offset: float) -> LogisticSites:
        """No rounds."""
        k, d = n_posteriors, n_features
        return cls(
            ridge=ridge,
            offset=offset,
            count=np.zeros(k),
            curvature=np.zeros((k, d, d)),
            shift=np.zeros((k, d)),
        )

    @property
    def mean(self) -> Floats:
        """m, `(k, d)`."""
        return self._current()[0]

    @property
    def inverse(self) -> Floats:
        """Λ⁻¹, `(k, d, d)`."""
        return self._current()[1]

    def _current(self) -> tuple[Floats, Floats]:
        """Mean and inverse, from the sums where they are not carried along."""
        if self._moments is None:
            inverse = np.linalg.inv(self.curvature + self.ridge * np.eye(self.shift.shape[1]))
            inverse = (inverse + inverse.transpose(0, 2, 1)) / 2
            self._moments = np.einsum("kij,kj->ki", inverse, self.shift), inverse
            self._steps = 0
        return self._moments

    def settle(self) -> None:
        """Let mean and inverse be computed from the sums again, as a policy that was stored and loaded does."""
        self._moments = None

    def add(self, x: Floats, k: int, share: float) -> None:
        """Learn one round of design vector `(d,)` with `share` of a success."""
        v = self.inverse[k].dot(x)
        logit = _mode(self.offset + float(self.mean[k].dot(x)), float(x.dot(v)), share)
        success = _sigmoid(logit)
        self._change(x, k, v, success * (1 - success), (share - success, logit - self.offset), 1.0)

    def remove(self, x: Floats, k: int, share: float) -> None:
        """Take one round's factor back, as it looks at the mode of now: exact where the round was the last learnt.

        The curvature taken is at most what leaves the prior's own variance along x, so the posterior stays proper.
        """
        v = self.inverse[k].dot(x)
        variance, logit = float(x.dot(v)), float(self.mean[k].dot(x))
        success = _sigmoid(self.offset + logit)
        most = max(1 / variance - self.ridge / float(x.dot(x)), 0.0)
        curvature = min(success * (1 - success), most)
        self._change(x, k, v, curvature, (share - success, logit), -1.0)

    def _change(
        self, x: Floats, k: int, v: Floats, curvature: float, slope: tuple[float, float], sign: float
    ) -> None:
        """Add the factor (sign 1) or take it back (-1); v = Λ⁻¹x, slope = the gradient and the logit it was taken at."""
        gradient, logit = slope
        mean, inverse = self._current()
        self.count[k] += sign
        self.curvature[k] += np.multiply.outer(sign * curvature * x, x)
        self.shift[k] += sign * (gradient + curvature * logit) * x
        change = sign * curvature / (1 + sign * curvature * float(x.dot(v)))
        inverse[k] -= np.multiply.outer(change * v, v)
        mean[k] = inverse[k].dot(self.shift[k])
        self._steps += 1
        if self._steps >= REINVERT_AFTER:
            self._moments = None

    def merge(self, other: LogisticSites) -> None:
        """Add another shard's sums. Raises `ValueError` when its prior is another one."""
        mine, theirs = (self.ridge, self.offset), (other.ridge, other.offset)
        if theirs != mine:
            raise ValueError(f"a shard has the ridge and offset {theirs}; wanted {mine}")
        self.count += other.count
        self.curvature += other.curvature
        self.shift += other.shift
        self._moments = None

    def scale(self, weight: float) -> None:
        """Let each factor count `weight` times."""
        self.count *= weight
        self.curvature *= weight
        self.shift *= weight
        self._moments = None

    def arrays(self) -> dict[str, Floats]:
        """The sums, in arrays of their own."""
        return {
            "count": self.count.copy(),
            "curvature": self.curvature.copy(),
            "shift": self.shift.copy(),
        }


def _sigmoid(logit: float) -> float:
    """1 / (1 + e^-logit) without overflow."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return 1 - 1 / (1 + math.exp(logit))


def _mode(logit: float, variance: float, share: float) -> float:
    """η = logit + variance·(share - σ(η)): Newton's steps, halving a bracket where one would leave it."""
    low, high = logit - variance, logit + variance
    eta = logit
    for _ in range(_STEPS):
        success = _sigmoid(eta)
        excess = eta - logit - variance * (share - success)
        if excess > 0:
            high = eta
        else:
            low = eta
        step = excess / (1 + variance * success * (1 - success))
        if abs(step) <= 1e-13 * (1 + abs(eta)):
            return eta - step
        eta = eta - step if low < eta - step < high else (low + high) / 2
    return eta
