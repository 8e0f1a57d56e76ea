"""Replay: keep the logged rounds that the evaluation policy would have played, and average them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import EvaluationError
from training.evaluation.estimator import Estimator
from training.evaluation.rounds import EvaluatedRounds


@dataclass(frozen=True, kw_only=True)
class Replay(Estimator):
    """V = the mean reward of the kept rounds; a round is kept when its draw u < w/M, M = `largest_weight`.

    For a deterministic policy and a log that chose uniformly among the same number of actions, M is that number and a round
    is kept exactly when the policy's action is the logged one: the replay of Li et al. A stochastic policy or another
    behaviour policy needs the rejection: given x a round is kept with probability Σ_a p·(π/p)/M = 1/M, the same in every
    context, and its action then follows π. The *expected* form (weigh by w/M instead of rejecting) is SNIPS.

    Wasteful (keeps n/M rounds on average), but what it averages are rounds that really happened. `largest_weight` must
    bound every weight and must be one number for all shards; taking it from the log (as the report does) is common and
    exact for finitely many weights seen, slightly optimistic otherwise.

    Raises: `EvaluationError` when a weight exceeds `largest_weight`.

    Source: Li, Chu, Langford and Wang (2011), arXiv:1003.5956 (uniform log, deterministic policy); Dudík, Erhan, Langford
    and Li (2012), arXiv:1210.4862 (rejection for other logs).
    """

    name: ClassVar[str] = "replay"
    is_self_normalised: ClassVar[bool] = True
    largest_weight: float

    def terms(self, rounds: EvaluatedRounds) -> Floats:
        """Reward if kept, and whether kept."""
        weights = rounds.weights
        bound = self.largest_weight * (1 + 1e-9)
        if (weights > bound).any():
            raise EvaluationError(f"a weight is {weights.max():.6g}; replay wants none above {bound:.6g}")
        kept = (rounds.draws * self.largest_weight < weights).astype(np.float64)
        return np.column_stack([kept * rounds.rewards, kept])

    def value(self, means: Floats) -> Floats:
        """The mean reward of the kept rounds."""
        return np.asarray(means[..., 0] / means[..., 1])

    def gradient(self, means: Floats) -> Floats:
        """(1, -V)/(share kept)."""
        return np.asarray([1.0 / means[1], -float(self.value(means)) / means[1]])
