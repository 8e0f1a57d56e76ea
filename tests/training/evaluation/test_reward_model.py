from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.in_memory import cross_fit_rewards
from training.evaluation.errors import TooFewRoundsError


def test_a_rounds_own_reward_does_not_change_its_prediction(world):
    feedback = world.log(300, seed=6)
    rewards = feedback.rewards.copy()
    rewards[10] += 100

    before, after = cross_fit_rewards(feedback), cross_fit_rewards(replace(feedback, rewards=rewards))

    assert (before[10] == after[10]).all()
    assert not (before[11] == after[11]).all()


def test_predictions_follow_the_expected_reward_of_each_action(world):
    feedback = world.log(3_000, seed=7)

    predictions = cross_fit_rewards(feedback)

    expected = world.expected_rewards(feedback.contexts)
    for action in range(3):
        # 0.91 is the most a linear model can reach on the second action: a third of its spread is a product of the inputs
        assert np.corrcoef(predictions[:, action], expected[:, action])[0, 1] > 0.85


def test_rewards_without_a_pattern_are_predicted_by_their_mean(world):
    feedback = world.log(2_000, seed=8)
    rare = (np.random.default_rng(0).random(2_000) < 0.01).astype(float)

    predictions = cross_fit_rewards(replace(feedback, rewards=rare))

    assert np.mean((predictions - rare.mean()) ** 2) < 0.01 * rare.var()


def test_an_unknown_input_and_an_action_never_logged_get_a_prediction(world):
    feedback = world.log(200, seed=9)
    contexts = feedback.contexts.copy()
    contexts[::2, 0] = np.nan
    wider = replace(
        feedback,
        contexts=contexts,
        eligible=np.ones((200, 4), dtype=np.bool_),
        action_names=(*feedback.action_names, "new"),
    )

    assert np.isfinite(cross_fit_rewards(wider)).all()


def test_too_few_rounds_for_the_folds_are_refused(world):
    with pytest.raises(TooFewRoundsError, match="no rounds to fit a reward model on"):
        cross_fit_rewards(world.log(2, seed=1))
