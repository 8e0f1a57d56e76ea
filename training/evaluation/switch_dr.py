"""The doubly robust estimator that leaves rounds of large weight to the model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator, check_parameter
from training.evaluation.rounds import EvaluatedRounds


@dataclass(frozen=True, kw_only=True)
class SwitchDR(Estimator):
    """V = 1/n Σ [ q(x,π) + w·1{w ≤ threshold}·(r - q(x,a)) ].

    Biased by the model's error on the rounds above the threshold; without a finite one it is DR. The interval is that of
    its own expectation.

    Raises: `EvaluationError` when the threshold is not above 0.

    Source: Wang, Agarwal and Dudík (2017), arXiv:1612.01205, section 4 (with DR instead of IPS below the threshold).
    """

    name: ClassVar[str] = "switch-dr"
    is_self_normalised: ClassVar[bool] = False
    threshold: float = math.inf

    def __post_init__(self) -> None:
        check_parameter("threshold", self.threshold)

    @property
    def caveat(self) -> str:
        """That it is biased where rounds are left to the model."""
        return "" if math.isinf(self.threshold) else f"biased: model only above weight {self.threshold:g}"

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """The bracket, and the weights kept. Raises: `RewardModelError` where the rounds carry no predictions."""
        predicted_rewards, predicted_values = rounds.predictions()
        weights = rounds.weights
        kept = np.where(weights <= self.threshold, weights, 0.0)
        return np.column_stack([predicted_values + kept * (rounds.rewards - predicted_rewards), kept])
