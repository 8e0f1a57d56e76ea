"""River: LinUCBDisjoint, contexts as dictionaries."""

from __future__ import annotations

import math

import numpy as np
from driver import serve
from learner import Learner
from river.bandit import LinUCBDisjoint


class River(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        self.policy = LinUCBDisjoint(seed=seed)
        self.names = ["constant", *(f"x{i}" for i in range(n_features))]

    def _context(self, context: np.ndarray) -> dict[str, float]:
        return dict(zip(self.names, [1.0, *context.tolist()], strict=True))

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        action = self.policy.pull(np.flatnonzero(eligible).tolist(), context=self._context(context))
        return action, math.nan

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        self.policy.update(action, self._context(context), reward)


if __name__ == "__main__":
    serve({"linucb": River})
