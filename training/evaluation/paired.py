"""How much better is one policy than another on the same rounds?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.evaluation.errors import EvaluationError, NoOverlapError
from training.evaluation.estimator import Estimator
from training.evaluation.interval import linearised_error, t_interval
from training.evaluation.moments import Moments
from training.evaluation.rounds import EvaluatedRounds


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first policy's value less the second's, in the reward's unit per round, with its uncertainty.

    first and second are the two values; effective_sample_size is the smaller one of the two policies'.
    """

    estimator: str
    first: float
    second: float
    value: float
    standard_error: float
    low: float
    high: float
    level: float
    n_rounds: int
    effective_sample_size: float


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """V₁ - V₂ of one estimator, from the stacked terms of both policies on the same rounds.

    Its error is that of g₁·t₁ - g₂·t₂, g and t the gradients and terms of the two, at the smaller ESS: what both policies
    owe to the same lucky rounds cancels, so the interval is narrower than two separate ones suggest, the more so the more
    alike the policies are. Sums of shards add up, as those of a single estimate do.
    """

    estimator: Estimator

    def add_up(self, first: EvaluatedRounds, second: EvaluatedRounds) -> Moments:
        """The mergeable sums. Raises: `EvaluationError` unless both are the same rounds in the same order."""
        same = np.array_equal(first.rewards, second.rewards) and np.array_equal(
            first.propensities, second.propensities
        )
        if not same:
            raise EvaluationError(
                "rewards or propensities of the two differ; wanted the same rounds in the same order"
            )
        return Moments.of(np.hstack([self.estimator.terms(first), self.estimator.terms(second)]))

    def estimate(self, moments: Moments, level: float = 0.95) -> Difference:
        """The difference from the sums. Raises: `NoOverlapError` when one of the policies has no weight on any round."""
        half = len(moments.means) // 2
        effective = min(moments.effective_sample_size(half - 1), moments.effective_sample_size(-1))
        if effective == 0:
            raise NoOverlapError(
                f"{self.estimator.name}: none of {moments.n_rounds} logged rounds carries weight under one of the policies"
            )
        first, second = (float(self.estimator.value(m)) for m in (moments.means[:half], moments.means[half:]))
        gradient = np.concatenate(
            [self.estimator.gradient(moments.means[:half]), -self.estimator.gradient(moments.means[half:])]
        )
        error = linearised_error(moments, gradient, effective)
        low, high = t_interval(first - second, error, effective - 1, level)
        return Difference(
            estimator=self.estimator.name,
            first=first,
            second=second,
            value=first - second,
            standard_error=error,
            low=low,
            high=high,
            level=level,
            n_rounds=moments.n_rounds,
            effective_sample_size=effective,
        )
