"""A world whose policy values are known: two inputs, three actions, real-valued rewards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.feedback import Floats, LoggedFeedback
from tests.training.evaluation.in_memory import cross_fit_rewards
from training.evaluation.rounds import EvaluatedRounds, evaluate_rounds, weigh_kinds

BEHAVIOR = np.array([[0.2, 0.5, -0.3], [0.4, -0.2, 0.1], [0.0, -0.4, 0.6]])
EVALUATION = np.array([[0.0, -0.3, 0.8], [0.3, 0.9, -0.2], [0.6, 0.2, 0.4]])
BEHAVIOR_FLOOR = 0.05
REWARD = np.array([[1.0, 0.5, -0.4], [1.4, -0.6, 0.3], [0.7, 0.2, 0.9]])


@dataclass(frozen=True)
class World:
    """Softmax policies of linear scores, the behaviour policy's with a floor as ours have one.

    Expected rewards are linear plus a product of the inputs, so that no linear reward model is right.
    """

    def probabilities(self, contexts: Floats, scores: Floats) -> Floats:
        """The softmax policy with these scores, `(n_rounds, 3)`."""
        weights = np.exp(np.column_stack([np.ones(len(contexts)), contexts]) @ scores.T)
        return weights / weights.sum(axis=1, keepdims=True)

    def evaluation_probabilities(self, feedback: LoggedFeedback) -> Floats:
        """The evaluation policy on a log."""
        return self.probabilities(feedback.contexts, EVALUATION)

    def expected_rewards(self, contexts: Floats) -> Floats:
        """E[r|x,a], `(n_rounds, 3)`."""
        linear = np.column_stack([np.ones(len(contexts)), contexts]) @ REWARD.T
        return linear + 0.3 * (contexts[:, 0] * contexts[:, 1])[:, None]

    def behavior_probabilities(self, contexts: Floats) -> Floats:
        """The behaviour policy, `(n_rounds, 3)`."""
        return BEHAVIOR_FLOOR + (1 - 3 * BEHAVIOR_FLOOR) * self.probabilities(contexts, BEHAVIOR)

    def log(self, n_rounds: int, seed: int) -> LoggedFeedback:
        """Rounds of the behaviour policy, noise of standard deviation 0.5; no weight can exceed 20."""
        rng = np.random.default_rng(seed)
        contexts = rng.normal(size=(n_rounds, 2))
        probabilities = self.behavior_probabilities(contexts)
        actions = (rng.random(n_rounds)[:, None] > np.cumsum(probabilities, axis=1)[:, :2]).sum(axis=1)
        rows = np.arange(n_rounds)
        return LoggedFeedback(
            contexts=contexts,
            actions=actions.astype(np.int64),
            rewards=self.expected_rewards(contexts)[rows, actions] + rng.normal(scale=0.5, size=n_rounds),
            propensities=probabilities[rows, actions],
            eligible=np.ones((n_rounds, 3), dtype=np.bool_),
            input_names=("first", "second"),
            action_names=("none", "small", "large"),
        )

    def rounds(self, n_rounds: int, seed: int) -> EvaluatedRounds:
        """A log as the estimators see it under the evaluation policy."""
        feedback = self.log(n_rounds, seed)
        draws = np.random.default_rng(seed + 1_000_000).random(n_rounds)
        probabilities = self.evaluation_probabilities(feedback)
        rounds = evaluate_rounds(feedback, probabilities, draws, cross_fit_rewards(feedback))
        behavior = self.behavior_probabilities(feedback.contexts)
        return replace(rounds, kind_weights=weigh_kinds(feedback, probabilities, behavior, np.arange(3)))

    def guessed_rewards(self, contexts: Floats) -> Floats:
        """A reward model that is wrong in every action, `(n_rounds, 3)`."""
        return 0.5 * self.expected_rewards(contexts) + np.array([0.4, 0.0, -0.2])

    def rounds_with_a_guess(self, n_rounds: int, seed: int) -> EvaluatedRounds:
        """The same with a reward model that was not fitted and is wrong."""
        feedback = self.log(n_rounds, seed)
        predictions = self.guessed_rewards(feedback.contexts)
        draws = np.zeros(n_rounds)
        return evaluate_rounds(feedback, self.evaluation_probabilities(feedback), draws, predictions)

    def limit(self, used: Callable[[Floats], Floats], q: Callable[[Floats], Floats]) -> float:
        """E[q(x,π) + used(w)·(r - q(x,a))]: what such an estimator tends to, biased or not."""
        nodes, density = self.quadrature()
        policy, behavior = self.probabilities(nodes, EVALUATION), self.behavior_probabilities(nodes)
        correction = behavior * used(policy / behavior) * (self.expected_rewards(nodes) - q(nodes))
        return float(density @ (policy * q(nodes) + correction).sum(axis=1))

    def true_value(self) -> float:
        """The evaluation policy's value."""
        return self.limit(lambda weights: weights, self.expected_rewards)

    def quadrature(self) -> tuple[Floats, Floats]:
        """Gauss-Hermite nodes over the contexts and their weights."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        contexts = np.array([(first, second) for first in nodes for second in nodes])
        density = np.outer(weights, weights).ravel() / (2 * np.pi)
        return contexts, density


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def rounds(world: World) -> EvaluatedRounds:
    return world.rounds(600, seed=1)
