"""paretobandit: the disjoint LinUCB at the heart of its router."""

from __future__ import annotations

import math

import numpy as np
from driver import serve
from learner import Learner, with_constant
from pareto_bandit.policy import DisjointLinUCBPolicy


class Pareto(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        self.names = [str(k) for k in range(n_actions)]
        self.policy = DisjointLinUCBPolicy(self.names, dim=n_features + 1, seed=seed)

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        shown = [self.names[k] for k in np.flatnonzero(eligible)]
        return int(self.policy.select_arm(with_constant(context), shown)[0]), math.nan

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        self.policy.update(self.names[action], with_constant(context), reward)


if __name__ == "__main__":
    serve({"linucb": Pareto})
