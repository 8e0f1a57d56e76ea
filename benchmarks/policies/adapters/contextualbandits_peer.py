"""contextualbandits: LinUCB by default; LinTS as its documentation advises, with less variance than by default.

By default LinTS draws coefficients, which on iris earned no more than chance; drawing from intervals, it learns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from contextualbandits.online import LinTS, LinUCB
from driver import serve
from learner import Learner, best


class Online(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int, kind: Callable) -> None:
        super().__init__(n_actions, n_features, seed)
        self.policy = kind(nchoices=n_actions, random_state=seed + 1)

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if eligible.all():
            actions = np.asarray(self.policy.predict(contexts), dtype=np.int64)
        else:
            actions = best(np.asarray(self.policy.decision_function(contexts)), eligible, self.rng)
        return actions, np.full(len(contexts), np.nan)

    def learn(
        self,
        contexts: np.ndarray,
        actions: np.ndarray,
        rewards: np.ndarray,
        stated: np.ndarray,  # noqa: ARG002
    ) -> None:
        self.policy.partial_fit(contexts, actions, rewards)


if __name__ == "__main__":
    serve(
        {
            "linucb": lambda *shape: Online(*shape, LinUCB),
            "lints": lambda *shape: Online(*shape, partial(LinTS, sample_from="ci", v_sq=0.1)),
        }
    )
