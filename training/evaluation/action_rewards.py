"""What each action earned in the log, as logged: sums that add over shards, and means with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.feedback import Floats, LoggedFeedback
from training.evaluation.interval import t_interval


@dataclass(frozen=True, kw_only=True)
class ActionReward:
    """Rounds in which the action was chosen and their mean reward with its interval (Student's t).

    mean is nan without a round; low and high are nan where all rewards are equal: nothing is known of their spread then.
    It compares actions only where the behaviour policy chose at random whatever the context: elsewhere an action was given
    to those it suits.
    """

    action: str
    n_rounds: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ActionRewards:
    """Per action, `(n_actions,)` each: rounds, mean reward and Σ (r - mean)²."""

    counts: Floats
    means: Floats
    squares: Floats

    @classmethod
    def of(cls, feedback: LoggedFeedback) -> ActionRewards:
        """The sums of these rounds."""
        counts = np.bincount(feedback.actions, minlength=feedback.n_actions).astype(np.float64)
        totals = np.bincount(feedback.actions, feedback.rewards, feedback.n_actions)
        means = totals / np.maximum(counts, 1)
        deviations = (feedback.rewards - means[feedback.actions]) ** 2
        squares = np.bincount(feedback.actions, deviations, feedback.n_actions).astype(np.float64)
        return cls(counts=counts, means=means, squares=squares)

    def __add__(self, other: ActionRewards) -> ActionRewards:
        counts = self.counts + other.counts
        share = other.counts / np.maximum(counts, 1)
        step = other.means - self.means
        return ActionRewards(
            counts=counts,
            means=self.means + step * share,
            squares=self.squares + other.squares + self.counts * share * step**2,
        )

    def by_action(self, names: tuple[str, ...], level: float) -> tuple[ActionReward, ...]:
        """The actions in their order."""
        return tuple(self._of(place, name, level) for place, name in enumerate(names))

    def _of(self, place: int, name: str, level: float) -> ActionReward:
        n = int(self.counts[place])
        if n == 0:
            return ActionReward(action=name, n_rounds=0, mean=math.nan, low=math.nan, high=math.nan)
        mean = float(self.means[place])
        low = high = math.nan
        if self.squares[place] > 0:
            low, high = t_interval(mean, math.sqrt(self.squares[place] / (n - 1) / n), n - 1, level)
        return ActionReward(action=name, n_rounds=n, mean=mean, low=low, high=high)
