"""Sums of rewards that add up, and what they say of a mean and of a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.quantile import Z


@dataclass(frozen=True)
class Estimate:
    """A value between its bounds at 95 %, which are None where a single round tells nothing of how rounds scatter."""

    value: float
    bounds: tuple[float, float] | None


@dataclass(frozen=True)
class RewardSums:
    """n, Σr and Σr² of some rounds."""

    rounds: int
    total: float
    squares: float

    def __add__(self, other: RewardSums) -> RewardSums:
        return RewardSums(self.rounds + other.rounds, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Σr / n."""
        return self.total / self.rounds

    @property
    def mean_variance(self) -> float | None:
        """s²/n, the variance of the mean, s² = (Σr² - n r̄²)/(n - 1); None of a single round."""
        if self.rounds < 2:
            return None
        spread = max(self.squares - self.rounds * self.mean**2, 0.0)
        return spread / (self.rounds - 1) / self.rounds


def estimate(value: float, variance: float | None) -> Estimate:
    """The value with its normal interval."""
    if variance is None:
        return Estimate(value, None)
    half = Z * math.sqrt(variance)
    return Estimate(value, (value - half, value + half))


def cumulative_gain(days: list[tuple[RewardSums | None, RewardSums | None]]) -> list[Estimate | None]:
    """By the end of each day, what one group's rounds earned more than as many of the other's on the same days.

    Σ_d n_d (r̄_d - r̄'_d), variance Σ_d n_d² (s_d²/n_d + s'_d²/n'_d), over the days on which both have two rounds or
    more: day by day, so that neither the season nor how many are in a group is taken for what the policy did. None before
    the first such day.
    """
    gained, variance, found = 0.0, 0.0, list[Estimate | None]()
    for one, other in days:
        if one and other and one.mean_variance is not None and other.mean_variance is not None:
            gained += one.rounds * (one.mean - other.mean)
            variance += one.rounds**2 * (one.mean_variance + other.mean_variance)
            found.append(estimate(gained, variance))
        else:
            found.append(found[-1] if found else None)
    return found
