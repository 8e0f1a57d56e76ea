"""gittins: its default policy, epsilon-greedy, which states a propensity."""

from __future__ import annotations

import gittins
import numpy as np
from driver import serve
from learner import Learner


class Gittins(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        self.state = gittins.create(bits=12, horizon=1e9)
        self.names = [f"x{i}" for i in range(n_features)]
        self.candidates = [(str(k), {}) for k in range(n_actions)]
        self.at, self.open = 0.0, []

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        self.at += 1.0
        shown = [self.candidates[k] for k in np.flatnonzero(eligible)]
        given = dict(zip(self.names, context.tolist(), strict=True))
        record = gittins.decide(self.state, given, shown, self.at, f"{self.seed}-{self.at}")
        self.open.append(record.decision_id)
        return int(shown[record.chosen][0]), float(record.propensity)

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        """The decision made first of those still open in its ledger."""
        gittins.learn(self.state, self.open.pop(0), reward, self.at)


if __name__ == "__main__":
    serve({"epsilon_greedy": Gittins})
