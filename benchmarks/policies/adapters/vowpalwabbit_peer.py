"""Vowpal Wabbit: contextual bandits with action-dependent features, one text example a round."""

from __future__ import annotations

import numpy as np
from driver import serve
from learner import Learner
from vowpalwabbit import Workspace

COMMON = "--cb_explore_adf --cb_type mtr -q xa --ignore_linear x --quiet"
RANGE = "--cb_min_cost -1 --cb_max_cost 0"


class Wabbit(Learner):
    def __init__(self, n_actions: int, n_features: int, seed: int, arguments: str) -> None:
        super().__init__(n_actions, n_features, seed)
        self.workspace = Workspace(f"{COMMON} {arguments} --random_seed {seed + 1}")
        self.format = "shared |x " + " ".join(f"{i}:%.6g" for i in range(n_features))
        self.lines = [f"|a a{k}" for k in range(n_actions)]

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        shown = np.flatnonzero(eligible).tolist()
        example = [self.format % tuple(context.tolist()), *(self.lines[k] for k in shown)]
        stated = self.workspace.predict(example)
        place = int(np.searchsorted(np.cumsum(stated), self.rng.random() * sum(stated), side="right"))
        place = min(place, len(shown) - 1)
        self.shown = shown
        return shown[place], stated[place]

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.eligible = eligible
        return super().choose(contexts, eligible)

    def learn(
        self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, stated: np.ndarray
    ) -> None:
        for x, e, a, r, p in zip(contexts, self.eligible, actions, rewards, stated, strict=True):
            self.shown = np.flatnonzero(e).tolist()
            self.learn_one(x, int(a), float(r), float(p))

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:
        example = [self.format % tuple(context.tolist())]
        for k in self.shown:
            label = f"0:{-reward:.6g}:{stated:.6g} " if k == action else ""
            example.append(label + self.lines[k])
        self.workspace.learn(example)


if __name__ == "__main__":
    serve(
        {
            "squarecb": lambda *shape: Wabbit(*shape, f"--squarecb {RANGE}"),
            "regcb": lambda *shape: Wabbit(*shape, f"--regcbopt {RANGE}"),
            "bag": lambda *shape: Wabbit(*shape, "--bag 5"),
        }
    )
