"""The doubly robust estimator with optimistic shrinkage of the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator, check_parameter
from training.evaluation.rounds import EvaluatedRounds


@dataclass(frozen=True, kw_only=True)
class DRos(Estimator):
    """V = 1/n Σ [ q(x,π) + ŵ·(r - q(x,a)) ] with ŵ = λ·w/(w² + λ), λ the `shrinkage`.

    Between DM (λ → 0) and DR (λ = ∞). Biased by E[(ŵ - w)·(r - q(x,a))]; the interval is that of its own expectation.

    Raises: `EvaluationError` when the shrinkage is not above 0.

    Source: Su, Dimakopoulou, Krishnamurthy and Dudík (2020), arXiv:1907.09623, equation 6.
    """

    name: ClassVar[str] = "dros"
    is_self_normalised: ClassVar[bool] = False
    shrinkage: float = math.inf

    def __post_init__(self) -> None:
        check_parameter("shrinkage", self.shrinkage)

    @property
    def caveat(self) -> str:
        """That it is biased where weights are shrunk."""
        return "" if math.isinf(self.shrinkage) else f"biased: shrunk, λ = {self.shrinkage:g}"

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """The bracket and ŵ. Raises: `RewardModelError` where the rounds carry no predictions."""
        predicted_rewards, predicted_values = rounds.predictions()
        shrunk = weights = rounds.weights
        if not math.isinf(self.shrinkage):
            shrunk = self.shrinkage * weights / (weights**2 + self.shrinkage)
        return np.column_stack([predicted_values + shrunk * (rounds.rewards - predicted_rewards), shrunk])
