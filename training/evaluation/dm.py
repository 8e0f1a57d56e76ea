"""The direct method: trust the reward model."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


class DM(Estimator):
    """V = 1/n Σ q(x,π).

    As biased as its model, whatever the number of rounds, and the interval knows nothing of that: it is only the spread of
    the predictions over contexts. Use it beside DR, to see what the model alone believes. The weights play no part in the
    value; they say whether the log overlaps with the policy at all, without which the model's word cannot be checked.

    Source: Dudík, Langford and Li (2011), arXiv:1103.4601, section 2.
    """

    name: ClassVar[str] = "dm"
    is_self_normalised: ClassVar[bool] = False

    @property
    def caveat(self) -> str:
        """That it is the model's word."""
        return "biased as its model is"

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """q(x,π) and w. Raises: `RewardModelError` where the rounds carry no predictions."""
        _, predicted_values = rounds.predictions()
        return np.column_stack([predicted_values, rounds.weights])
