"""MABWiser: LinTS and LinUCB, one ridge regression an action."""

from __future__ import annotations

import numpy as np
from driver import serve
from learner import Learner, best, with_constant
from mabwiser.mab import MAB, LearningPolicy


class Mab(Learner):
    """Before its first reward MABWiser refuses to predict: eligible actions at random."""

    def __init__(self, n_actions: int, n_features: int, seed: int, policy: object) -> None:
        super().__init__(n_actions, n_features, seed)
        self.mab = MAB(arms=list(range(n_actions)), learning_policy=policy, seed=seed)
        self.fitted = False

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.fitted:
            scores = np.zeros(eligible.shape)
            return best(scores, eligible, self.rng), np.full(len(contexts), np.nan)
        if len(contexts) > 1 or not eligible.all():
            expectations = self.mab.predict_expectations(with_constant(contexts))
            rows = expectations if isinstance(expectations, list) else [expectations]
            scores = np.array([[row[k] for k in range(self.n_actions)] for row in rows])
            actions = best(scores, eligible, self.rng)
        else:
            actions = np.array([self.mab.predict(with_constant(contexts))])
        return actions, np.full(len(contexts), np.nan)

    def learn(
        self,
        contexts: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        stated: np.ndarray,  # noqa: ARG002
    ) -> None:
        (self.mab.partial_fit if self.fitted else self.mab.fit)(actions, rewards, with_constant(contexts))
        self.fitted = True


if __name__ == "__main__":
    serve(
        {
            "lints": lambda *shape: Mab(*shape, LearningPolicy.LinTS()),
            "linucb": lambda *shape: Mab(*shape, LearningPolicy.LinUCB()),
            "linucb_0.5": lambda *shape: Mab(*shape, LearningPolicy.LinUCB(alpha=0.5)),
            "linucb_0.2": lambda *shape: Mab(*shape, LearningPolicy.LinUCB(alpha=0.2)),
        }
    )
