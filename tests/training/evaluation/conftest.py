"""A world whose policy values are known: two inputs, three actions, real-valued rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from models.feedback import Floats, LoggedFeedback
from training.evaluation.reward_model import cross_fit_rewards
from training.evaluation.rounds import EvaluatedRounds, evaluate_rounds

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

    def log(self, n_rounds: int, seed: int) -> LoggedFeedback:
        """Rounds of the behaviour policy, noise of standard deviation 0.5; no weight can exceed 20."""
        rng = np.random.default_rng(seed)
        contexts = rng.normal(size=(n_rounds, 2))
        softmax = self.probabilities(contexts, BEHAVIOR)
        probabilities = BEHAVIOR_FLOOR + (1 - 3 * BEHAVIOR_FLOOR) * softmax
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
        return evaluate_rounds(feedback, probabilities, draws, cross_fit_rewards(feedback))

    def true_value(self) -> float:
        """The evaluation policy's value by Gauss-Hermite quadrature over the contexts."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        contexts = np.array([(first, second) for first in nodes for second in nodes])
        density = np.outer(weights, weights).ravel() / (2 * np.pi)
        values = self.probabilities(contexts, EVALUATION) * self.expected_rewards(contexts)
        return float(density @ values.sum(axis=1))


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def rounds(world: World) -> EvaluatedRounds:
    return world.rounds(600, seed=1)
