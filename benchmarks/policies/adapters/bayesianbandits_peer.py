"""bayesianbandits: Thompson sampling over one normal regression an action."""

from __future__ import annotations

import numpy as np
from bayesianbandits import Arm, ContextualAgent, NormalRegressor, ThompsonSampling
from driver import serve
from learner import Learner, with_constant


class Bayesian(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        arms = [Arm(k, learner=NormalRegressor(alpha=1.0, beta=1.0)) for k in range(n_actions)]
        self.agent = ContextualAgent(arms, ThompsonSampling(), random_seed=seed)

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not eligible.all():
            raise NotImplementedError("this adapter measures speed, where every action is eligible")
        return np.array(self.agent.pull(with_constant(contexts))), np.full(len(contexts), np.nan)

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        self.agent.select_for_update(action).update(with_constant(context[None]), np.array([reward]))


if __name__ == "__main__":
    serve({"thompson": Bayesian})
