"""Marginalised inverse propensity scoring, for many actions that come in kinds."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


class MIPS(Estimator):
    """V = 1/n Σ w(x,e)·r, w(x,e) = π(e|x)/p(e|x): the weight of the action's *kind* e, not of the action.

    Unbiased when the reward depends on the action through its kind alone (no direct effect) and every kind of the
    evaluation policy had a chance; then its variance is that of a few kinds instead of that of many actions. With a direct
    effect it is biased, which no diagnostic of the log alone can show. Wants the behaviour policy's whole distribution.

    Source: Saito and Joachims (2022), Off-Policy Evaluation for Large Action Spaces via Embeddings, arXiv:2202.06317,
    equation 6, with embeddings that the action fixes.
    """

    name: ClassVar[str] = "mips"
    is_self_normalised: ClassVar[bool] = False

    @property
    def caveat(self) -> str:
        """That it rests on the kinds."""
        return "holds if only the kind matters"

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """w(x,e)·r and w(x,e). Raises: `EvaluationError` where the rounds carry no kinds."""
        weights = rounds.weights_of_kinds()
        return np.column_stack([weights * rounds.rewards, weights])
