"""Ours, through the same protocol as every peer: the policies of `models`, one configuration for every problem."""

from __future__ import annotations

from base64 import b64decode
from functools import partial
from typing import Any

import numpy as np
from driver import Learner, serve

from models.artifact import Artifact
from models.catalogue import POLICIES, load_policy
from models.context import Standardizer
from models.policy import Policy

GENERIC = ("lin_ucb", "linear_thompson", "square_cb")


class Gardoon(Learner):
    """Probabilities first, then an action sampled from them: the stated propensity is the true one."""

    def __init__(self, n_actions: int, n_features: int, seed: int, policy: Policy) -> None:
        super().__init__(n_actions, n_features, seed)
        self.policy = policy

    def choose_one(self, context: np.ndarray, eligible: np.ndarray) -> tuple[int, float]:
        probabilities = self.policy.probabilities(context, eligible)
        action = int(probabilities.cumsum().searchsorted(self.rng.random(), side="right"))
        action = min(action, self.n_actions - 1)
        return action, float(probabilities[action])

    def choose(self, contexts: np.ndarray, eligible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(contexts) == 1:
            action, stated = self.choose_one(contexts[0], eligible[0])
            return np.array([action]), np.array([stated])
        probabilities = self.policy.probabilities_many(contexts, eligible)
        reached = probabilities.cumsum(axis=1) > self.rng.random(len(contexts))[:, None]
        actions = np.where(reached.any(axis=1), reached.argmax(axis=1), probabilities.argmax(axis=1))
        return actions, probabilities[np.arange(len(actions)), actions]

    def learn(
        self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, stated: np.ndarray
    ) -> None:
        if len(contexts) == 1:
            self.learn_one(contexts[0], int(actions[0]), float(rewards[0]), float(stated[0]))
        else:
            self.policy.learn_many(contexts, actions, rewards)

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:  # noqa: ARG002
        self.policy.learn_one(context, action, reward)


def generic(kind: str, n_actions: int, n_features: int, seed: int) -> Gardoon:
    """Contexts come standardised, so the policy's own standardizer changes nothing; rewards are about in [0, 1]."""
    policy = POLICIES[kind](
        action_names=tuple(str(k) for k in range(n_actions)),
        input_names=tuple(f"x{i}" for i in range(n_features)),
        standardizer=Standardizer(np.zeros(n_features), np.ones(n_features)),
        floor=0.0,
        ridge=1.0,
        shape=2.0,
        rate=0.1,
    )
    return Gardoon(n_actions, n_features, seed, policy)


class DecisionPolicy(Gardoon):
    """The policy that the product uses for one decision, before any warm start; rewards go back to their own unit."""

    def __init__(self, n_actions: int, n_features: int, seed: int, setup: dict[str, Any]) -> None:
        policy = load_policy(Artifact.from_bytes(b64decode(setup["policy"])))
        super().__init__(n_actions, n_features, seed, policy)
        self.scale, self.offset = setup["scale"], setup["offset"]

    def learn(
        self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, stated: np.ndarray
    ) -> None:
        super().learn(contexts, actions, rewards * self.scale + self.offset, stated)


if __name__ == "__main__":
    serve({kind: partial(generic, kind) for kind in GENERIC} | {"decision_policy": DecisionPolicy})
