"""The self-normalised doubly robust estimator."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


class SNDR(Estimator):
    """V = 1/n Σ q(x,π) + Σ w·(r - q(x,a)) / Σ w.

    DR whose correction is a weighted mean: biased by O(1/n), calmer where the mean weight strays from 1. A constant reward
    gives that constant when the model predicts it, not whatever the model.

    Source: Thomas and Brunskill (2016), arXiv:1604.00923, weighted doubly robust (equation 5, horizon 1).
    """

    name: ClassVar[str] = "sndr"
    is_self_normalised: ClassVar[bool] = False

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """q(x,π), w·(r - q(x,a)) and w. Raises: `RewardModelError` where the rounds carry no predictions."""
        predicted_rewards, predicted_values = rounds.predictions()
        weights = rounds.weights
        return np.column_stack([predicted_values, weights * (rounds.rewards - predicted_rewards), weights])

    def value(self, means: Floats) -> Floats:
        """The first mean and the ratio of the others."""
        return np.asarray(means[..., 0] + means[..., 1] / means[..., 2])

    def gradient(self, means: Floats) -> Floats:
        """(1, 1/w̄, -ratio/w̄)."""
        return np.array([1.0, 1.0 / means[2], -means[1] / means[2] ** 2])
