"""Inverse propensity scoring with clipped weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.estimator import Estimator, check_parameter
from training.evaluation.rounds import EvaluatedRounds


@dataclass(frozen=True, kw_only=True)
class ClippedIPS(Estimator):
    """V = 1/n Σ min(w, cap)·r.

    Biased by E[(min(w, cap) - w)·r], towards 0 for rewards of one sign, and calmer for it; without a finite cap it is IPS.
    The interval is that of its own expectation: it knows nothing of the bias.

    Raises: `EvaluationError` when the cap is not above 0.

    Source: Ionides (2008), Truncated Importance Sampling; Bottou et al. (2013), arXiv:1209.2355, section 4.4.
    """

    name: ClassVar[str] = "clipped-ips"
    is_self_normalised: ClassVar[bool] = False
    cap: float = math.inf

    def __post_init__(self) -> None:
        check_parameter("cap", self.cap)

    @property
    def caveat(self) -> str:
        """That it is biased where weights are clipped."""
        return "" if math.isinf(self.cap) else f"biased: clipped at {self.cap:g}"

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """min(w, cap)·r and min(w, cap)."""
        weights = np.minimum(rounds.weights, self.cap)
        return np.column_stack([weights * rounds.rewards, weights])
