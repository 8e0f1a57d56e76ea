"""pybandits: its contextual Bernoulli bandit, for speed: Bayesian regressions whose updates are variational fits by JAX."""

from __future__ import annotations

import numpy as np
from driver import serve
from learner import Learner
from pybandits.cmab import CmabBernoulli


class PyBandits(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        names = {str(k) for k in range(n_actions)}
        self.mab = CmabBernoulli.cold_start(action_ids=names, n_features=n_features, random_seed=seed)

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not eligible.all():
            raise NotImplementedError("this adapter measures speed, where every action is eligible")
        return np.array([int(name) for name in self.mab.predict(contexts)[0]]), np.full(len(contexts), np.nan)

    def learn(
        self,
        contexts: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        stated: np.ndarray,  # noqa: ARG002
    ) -> None:
        names = [str(action) for action in actions]
        self.mab.update(actions=names, rewards=[int(r) for r in rewards], context=contexts)


if __name__ == "__main__":
    serve({"thompson": PyBandits})
