from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.errors import EvaluationError, PolicyError, RewardModelError
from training.evaluation.evaluation import uniform_probabilities
from training.evaluation.rounds import evaluate_logged_rounds, evaluate_rounds


@pytest.fixture
def feedback(world):
    return world.log(40, seed=5)


def test_a_round_carries_the_policys_probability_of_the_logged_action(feedback, world):
    probabilities = world.evaluation_probabilities(feedback)

    rounds = evaluate_rounds(feedback, probabilities, np.zeros(40), 2 * probabilities)

    for i in range(40):
        assert rounds.evaluation_propensities[i] == probabilities[i, feedback.actions[i]]
        assert rounds.predictions()[0][i] == 2 * probabilities[i, feedback.actions[i]]
        assert rounds.predictions()[1][i] == pytest.approx(2 * (probabilities[i] ** 2).sum())


def test_the_behaviour_policy_has_weight_one_everywhere(feedback):
    rounds = evaluate_logged_rounds(feedback, np.zeros(40))

    assert (rounds.weights == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: 0.5 * p, "round 0 do not sum to 1 .40 rounds"),
        (lambda p: p + np.array([0.9, -0.9, 0.0]), "round 0 are negative"),
        (lambda p: p * np.nan, "do not sum to 1"),
        (lambda p: p[:, :2], "shape"),
    ],
)
def test_probabilities_that_are_no_distribution_are_refused(change, message, feedback):
    probabilities = change(uniform_probabilities(feedback))

    with pytest.raises(PolicyError, match=message):
        evaluate_rounds(feedback, probabilities, np.zeros(40))


def test_probability_on_an_ineligible_action_is_refused(feedback):
    uniform = uniform_probabilities(feedback)
    eligible = feedback.eligible.copy()
    eligible[3, (feedback.actions[3] + 1) % 3] = False

    with pytest.raises(PolicyError, match=r"round 3 .* ineligible action \(1 rounds"):
        evaluate_rounds(replace(feedback, eligible=eligible), uniform, np.zeros(40))


def test_predictions_and_draws_of_another_shape_are_refused(feedback):
    uniform = uniform_probabilities(feedback)

    with pytest.raises(RewardModelError, match=r"shape \(40, 2\); wanted \(40, 3\)"):
        evaluate_rounds(feedback, uniform, np.zeros(40), np.zeros((40, 2)))
    with pytest.raises(EvaluationError, match=r"draws has shape \(39,\)"):
        evaluate_rounds(feedback, uniform, np.zeros(39))
