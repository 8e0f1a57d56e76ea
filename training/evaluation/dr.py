"""The doubly robust estimator."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


class DR(Estimator):
    """V = 1/n Σ [ q(x,π) + w·(r - q(x,a)) ].

    Unbiased when the propensities *or* the reward model are right; with true propensities and a cross-fitted model the
    model only moves the variance, and a good one lowers it. A model fitted on the round it predicts breaks the interval.

    Source: Dudík, Langford and Li (2011), Doubly Robust Policy Evaluation and Learning, arXiv:1103.4601; cross-fitting
    after Chernozhukov et al. (2018), Double/debiased machine learning.
    """

    name: ClassVar[str] = "dr"
    is_self_normalised: ClassVar[bool] = False

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """The bracket, and w. Raises: `RewardModelError` where the rounds carry no predictions."""
        predicted_rewards, predicted_values = rounds.predictions()
        weights = rounds.weights
        return np.column_stack([predicted_values + weights * (rounds.rewards - predicted_rewards), weights])
