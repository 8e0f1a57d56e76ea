"""Self-normalised inverse propensity scoring."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


class SNIPS(Estimator):
    """V = Σ w·r / Σ w.

    Biased by O(1/n) and consistent; stays within the range of the rewards and moves with them when they are shifted. Its
    spread is that of a ratio, linearised: the round's part is w·(r - V)/w̄, which is 0 in every round when r is constant.

    Source: Swaminathan and Joachims (2015), The Self-Normalized Estimator for Counterfactual Learning; the variance is the
    usual one of a ratio estimator (Owen, Monte Carlo theory, methods and examples, chapter 9).
    """

    name: ClassVar[str] = "snips"
    is_self_normalised: ClassVar[bool] = True

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """w·r and w."""
        weights = rounds.weights
        return np.column_stack([weights * rounds.rewards, weights])

    def value(self, means: Floats) -> Floats:
        """The ratio of the two means."""
        return np.asarray(means[..., 0] / means[..., 1])

    def gradient(self, means: Floats) -> Floats:
        """(1, -V)/w̄."""
        return np.asarray([1.0 / means[1], -float(self.value(means)) / means[1]])
