"""Inverse propensity scoring."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


class IPS(Estimator):
    """V = 1/n Σ w·r.

    Unbiased when the propensities are true and every action of the evaluation policy had a chance. Its variance grows
    with the squared weights, and it moves when all rewards are shifted: prefer SNIPS or DR unless unbiasedness is the point.

    Source: Horvitz and Thompson (1952), A Generalization of Sampling Without Replacement From a Finite Universe.
    """

    name: ClassVar[str] = "ips"
    is_self_normalised: ClassVar[bool] = False

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """w·r and w."""
        weights = rounds.weights
        return np.column_stack([weights * rounds.rewards, weights])
