"""Ours, through the same protocol as every peer: the policies of `models`, one configuration for every problem."""

from __future__ import annotations

from base64 import b64decode
from functools import partial
from typing import Any

import numpy as np
from driver import serve
from learner import Learner

from models.artifact import Artifact
from models.boosted_square_cb import BoostedSquareCB
from models.catalogue import POLICIES, load_policy
from models.context import Standardizer
from models.feedback import LoggedFeedback
from models.logistic_thompson import LogisticThompson
from models.policy import Policy
from models.uniform_random import UniformRandom

GENERIC = ("lin_ucb", "linear_thompson", "square_cb")
SHARED = {"shared_lin_ucb": "lin_ucb", "shared_thompson": "linear_thompson"}


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


def generic(
    kind: str, n_actions: int, n_features: int, seed: int, setup: dict[str, Any] | None = None
) -> Gardoon:
    """Contexts come standardised, so the policy's own standardizer changes nothing; rewards are about in [0, 1].

    `setup` holds what actions have in common, for the forms that share one regression.
    """
    policy = POLICIES[kind](
        **_names(n_actions, n_features),
        standardizer=Standardizer(np.zeros(n_features), np.ones(n_features)),
        action_features=np.array(setup["action_features"]) if setup else None,
        floor=0.0,
        ridge=1.0,
        shape=2.0,
        rate=0.1,
    )
    return Gardoon(n_actions, n_features, seed, policy)


def logistic(n_actions: int, n_features: int, seed: int, setup: dict[str, Any]) -> Gardoon:
    """`setup` holds the bounds of rewards and the share of successes expected beforehand."""
    policy = LogisticThompson(
        **_names(n_actions, n_features),
        standardizer=Standardizer(np.zeros(n_features), np.ones(n_features)),
        floor=0.0,
        **setup,
    )
    return Gardoon(n_actions, n_features, seed, policy)


def _names(n_actions: int, n_features: int) -> dict[str, tuple[str, ...]]:
    return {
        "action_names": tuple(str(k) for k in range(n_actions)),
        "input_names": tuple(f"x{i}" for i in range(n_features)),
    }


class Boosted(Gardoon):
    """Trees fitted on all rounds so far, again whenever these are half as many again; uniform before the first fit."""

    FIRST, GROWTH = 50, 1.5

    def __init__(self, n_actions: int, n_features: int, seed: int) -> None:
        self.names = _names(n_actions, n_features)
        super().__init__(n_actions, n_features, seed, UniformRandom(**self.names))
        self.log: list[tuple[np.ndarray, ...]] = []
        self.n_rounds, self.n_wanted = 0, self.FIRST

    def learn(
        self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray, stated: np.ndarray
    ) -> None:
        self.log.append((contexts, actions, rewards, stated))
        self.n_rounds += len(actions)
        if self.n_rounds >= self.n_wanted:
            self.n_wanted = int(self.GROWTH * self.n_rounds)
            self.policy = self._fitted()

    def learn_one(self, context: np.ndarray, action: int, reward: float, stated: float) -> None:
        self.learn(context[None], np.array([action]), np.array([reward]), np.array([stated]))

    def _fitted(self) -> BoostedSquareCB:
        from models.scorer import fit_boosted_rewards  # imports LightGBM, which the other learners do without

        contexts, actions, rewards, stated = (np.concatenate(each) for each in zip(*self.log, strict=True))
        log = LoggedFeedback(
            contexts=contexts,
            actions=actions,
            rewards=rewards,
            propensities=stated,
            eligible=np.ones((len(actions), self.n_actions), dtype=np.bool_),
            **self.names,
        )
        return BoostedSquareCB(
            **self.names,
            rewards=fit_boosted_rewards(log, seed=self.seed, smallest_leaf=10),
            gamma=float(np.sqrt(len(rewards)) / max(rewards.std(), 1e-6)),
            floor=0.0,
        )


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
    serve(
        {
            **{kind: partial(generic, kind) for kind in GENERIC},
            **{name: partial(generic, kind) for name, kind in SHARED.items()},
            "logistic_thompson": logistic,
            "boosted_square_cb": Boosted,
            "decision_policy": DecisionPolicy,
        }
    )
