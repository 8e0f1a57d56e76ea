"""The yardstick itself, measured like every peer, and the same with Cholesky factors."""

from __future__ import annotations

import numpy as np
from driver import serve
from yardstick import Plain


class Cholesky(Plain):
    """Keeps each A and inverts it through its Cholesky factor: several times the cost, no drift of rounding errors."""

    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        super().__init__(n_actions, n_features, seed)
        self.a = np.tile(np.eye(n_features), (n_actions, 1, 1))

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        self.a[action] += np.outer(context, context)
        self.b[action] += reward * context
        root = np.linalg.inv(np.linalg.cholesky(self.a[action]))
        self.inverse[action] = root.T @ root
        self.theta[action] = self.inverse[action] @ self.b[action]


if __name__ == "__main__":
    serve({"linucb": Plain, "linucb_cholesky": Cholesky})
