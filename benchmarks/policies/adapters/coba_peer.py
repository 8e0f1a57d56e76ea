"""coba: LinUCB and LinTS over one joint regression of context x action features."""

from __future__ import annotations

import numpy as np
from coba.learners import LinTSLearner, LinUCBLearner
from driver import serve
from learner import Learner


class Coba(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int, kind: type) -> None:
        super().__init__(n_actions, n_features, seed)
        self.learner = kind(seed=seed)
        self.actions = [tuple(int(k == a) for k in range(n_actions)) for a in range(n_actions)]

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        shown = [self.actions[k] for k in np.flatnonzero(eligible)]
        action, stated = self.learner.predict(tuple(context.tolist()), shown)[:2]
        return self.actions.index(tuple(action)), float(stated)

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:
        self.learner.learn(tuple(context.tolist()), self.actions[action], reward, stated)


if __name__ == "__main__":
    serve(
        {
            "linucb": lambda *shape: Coba(*shape, LinUCBLearner),
            "lints": lambda *shape: Coba(*shape, LinTSLearner),
        }
    )
