"""An interval that needs no normality: the empirical Bernstein bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.evaluation.errors import EvaluationError, TooFewRoundsError
from training.evaluation.estimator import Estimator
from training.evaluation.moments import Moments


@dataclass(frozen=True, kw_only=True)
class KnownBounds:
    """What is known *before* looking at the log: the range of the rewards and the least propensity (the policy's floor)."""

    lowest_reward: float
    highest_reward: float
    least_propensity: float

    def __post_init__(self) -> None:
        if not self.lowest_reward < self.highest_reward:
            raise EvaluationError(
                f"rewards from {self.lowest_reward} to {self.highest_reward}; wanted a range"
            )
        if not 0 < self.least_propensity <= 1:
            raise EvaluationError(f"least propensity {self.least_propensity}; wanted in (0, 1]")

    @classmethod
    def parse(cls, text: str) -> KnownBounds:
        """The bounds written LOWEST:HIGHEST:LEAST_PROPENSITY. Raises: `EvaluationError` for another form.

        >>> KnownBounds.parse("0:1:0.05").of_weighted_rewards()
        (0.0, 20.0)
        """
        try:
            lowest, highest, least = (float(part) for part in text.split(":"))
        except ValueError as error:
            raise EvaluationError(f"bounds {text!r}; wanted LOWEST:HIGHEST:LEAST_PROPENSITY") from error
        return cls(lowest_reward=lowest, highest_reward=highest, least_propensity=least)

    def of_weighted_rewards(self) -> tuple[float, float]:
        """The range of w·r: weights reach from 0 to 1/(least propensity)."""
        largest = 1 / self.least_propensity
        return min(self.lowest_reward * largest, 0.0), max(self.highest_reward * largest, 0.0)


def bernstein_interval(
    estimator: Estimator, moments: Moments, lowest: float, highest: float, level: float = 0.95
) -> tuple[float, float]:
    """Bounds of the policy value that hold with probability `level` or more, however few rounds there are.

    Their number must have been fixed beforehand: looking again and again until a bound passes is not covered.

    V ± [ √(2·S²·L/n) + 7·(highest - lowest)·L/(3·(n-1)) ], L = ln(4/(1-level)), S² the sample variance of the terms, which
    must lie in [lowest, highest] whatever the log: a range read off the log guarantees nothing. For estimators that are
    means of a first term (IPS; with bounded predictions DM and DR), of biased ones it bounds their own expectation. Wide:
    at first several times the linearised interval; use it where a wrong conclusion is dear and normality is in doubt.

    Raises: `EvaluationError` when the estimator is no mean or a term left the range, `TooFewRoundsError` below 2 rounds.

    Source: Maurer and Pontil (2009), Empirical Bernstein Bounds and Sample Variance Penalization, arXiv:0907.3740,
    theorem 4, one side each.
    """
    gradient = estimator.gradient(moments.means)
    if estimator.is_self_normalised or gradient[0] != 1 or gradient[1:].any():
        raise EvaluationError(f"{estimator.name} is no mean of terms; the bound holds for those only")
    n = moments.n_rounds
    if n < 2:
        raise TooFewRoundsError(f"{n} round; wanted at least 2")
    if not lowest <= moments.means[0] <= highest or moments.largest[0] > highest + 1e-12 * abs(highest):
        raise EvaluationError(
            f"a term is {moments.largest[0]:.6g}; wanted none outside [{lowest:g}, {highest:g}]"
        )
    log_term = math.log(4 / (1 - level))
    variance = moments.variance(gradient) * n / (n - 1)
    half_width = math.sqrt(2 * variance * log_term / n) + 7 * (highest - lowest) * log_term / (3 * (n - 1))
    value = float(estimator.value(moments.means))
    return value - half_width, value + half_width
