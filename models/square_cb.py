"""Inverse gap weighting of the linear model's predictions."""

from __future__ import annotations

import numpy as np

from models.feedback import Booleans, Floats
from models.gap import inverse_gap
from models.linear_policy import LinearPolicy


class SquareCB(LinearPolicy):
    """Chooses an action the less often, the further its predicted reward is behind the best's (`gap.inverse_gap`).

    γ = √(K(n + 1) / d) / (exploration·σ): grows with the number n of rounds learnt, for d numbers to learn in all; σ is the
    noise's standard deviation, so that γ fits rewards of any unit. The source's theorem 1 sets γ = √(KT / (regret of the
    regression + log(2/δ))) for a known number T of rounds, in which the regression's regret on squared loss grows as
    d·log T; here n stands for T and the logarithm is left to `exploration`. Needs no posterior variance.
    The default is small: over 1,000 rounds of scikit-learn's digits, breast cancer and wine as bandits 0.01 earned 0.840 a
    round, 0.03 0.837, 0.1 0.827, 0.3 0.798 and 1 0.705.
    Source: Foster and Rakhlin (2020), Beyond UCB, algorithm 1 and theorem 1.
    """

    kind = "square_cb"
    default_exploration = 0.05

    @property
    def gamma(self) -> float:
        """γ after the rounds learnt so far, in 1/reward."""
        count = self.statistics.count
        noise = float(np.average(self.belief.posterior.noise_variance, weights=count + 1))
        n_numbers = self.statistics.rx.size
        exploration = max(self.exploration, 1e-9)
        return float(np.sqrt(self.n_actions * (count.sum() + 1) / n_numbers / noise) / exploration)

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        mean, _ = self.regression.expected_rewards(self.belief, contexts)
        return inverse_gap(mean, eligible, self.gamma)
