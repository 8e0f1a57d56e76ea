"""The reference of the speed targets: disjoint LinUCB as one writes it in plain numpy, with no propensity and no mask.

Source: Li et al. (2010), algorithm 1, with A⁻¹ kept by Sherman and Morrison's formula.
"""

from __future__ import annotations

import math

import numpy as np
from learner import Learner

ALPHA = 1.0


class Plain(Learner):
    """Keeps each A⁻¹, b and θ."""

    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        self.inverse = np.tile(np.eye(n_features), (n_actions, 1, 1))
        self.b = np.zeros((n_actions, n_features))
        self.theta = np.zeros((n_actions, n_features))

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:  # noqa: ARG002
        width = np.sqrt((self.inverse @ context) @ context)
        return int(np.argmax(self.theta @ context + ALPHA * width)), math.nan

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG002
        width = np.stack(
            [np.sqrt(np.einsum("nd,nd->n", contexts @ m, contexts)) for m in self.inverse], axis=1
        )
        return (contexts @ self.theta.T + ALPHA * width).argmax(axis=1), np.full(len(contexts), np.nan)

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        inverse = self.inverse[action]
        w = inverse @ context
        inverse -= np.outer(w, w) / (1 + w @ context)
        self.b[action] += reward * context
        self.theta[action] = inverse @ self.b[action]
