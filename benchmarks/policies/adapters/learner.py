"""What an adapter offers of its library, and what several adapters need for it."""

from __future__ import annotations

import numpy as np


class Learner:
    """`choose` and `learn` for many rounds, and the peer's own call for one where it has one.

    `choose` returns actions `(n,)` and the probabilities the peer states for them, nan where it states none.
    """

    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        self.n_actions, self.n_features, self.seed = n_actions, n_features, seed
        self.rng = np.random.default_rng(seed)

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.choose_one(x, e) for x, e in zip(contexts, eligible, strict=True)]
        return np.array([a for a, _ in pairs], dtype=np.int64), np.array([p for _, p in pairs])

    def learn(
        self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, stated: np.ndarray
    ) -> None:
        for x, a, r, p in zip(contexts, actions, rewards, stated, strict=True):
            self.learn_one(x, int(a), float(r), float(p))

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        actions, stated = self.choose(context[None], eligible[None])
        return int(actions[0]), float(stated[0])

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:
        self.learn(context[None], np.array([action]), np.array([reward]), np.array([stated]))


def best(scores: np.ndarray, eligible: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The eligible action with the highest score in each row; among equals one at random."""
    masked = np.where(eligible, scores, -np.inf)
    top = masked == masked.max(axis=1, keepdims=True)
    return np.argmax(np.where(top, rng.random(masked.shape), -1.0), axis=1)


def with_constant(contexts: np.ndarray) -> np.ndarray:
    """A leading 1 in each row, for libraries that fit no intercept."""
    return np.concatenate([np.ones((*contexts.shape[:-1], 1)), contexts], axis=-1)
