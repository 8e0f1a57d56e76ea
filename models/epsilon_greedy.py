"""The best action by the linear model, or now and then any."""

from __future__ import annotations

import numpy as np

from models.feedback import Booleans, Floats
from models.gap import share_of_best
from models.linear_policy import LinearPolicy


class EpsilonGreedy(LinearPolicy):
    """Chooses the action of largest posterior mean with 1 - ε, any eligible one alike with ε = `exploration`.

    Ties share evenly. The simplest policy that learns and leaves a log that others can be judged from; it explores actions
    that are known to be bad as often as uncertain ones.
    Source: Sutton and Barto (2018), Reinforcement Learning, section 2.2.
    """

    kind = "epsilon_greedy"
    default_exploration = 0.1
    most_exploration = 1.0

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        mean, _ = self.regression.expected_rewards(self.belief, contexts)
        uniform = eligible / eligible.sum(axis=1, keepdims=True)
        best = share_of_best(mean, eligible)
        return np.asarray((1 - self.exploration) * best + self.exploration * uniform)
