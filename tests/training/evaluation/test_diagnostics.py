from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.in_memory import evaluate_policy
from training.evaluation.diagnostics import ActionSums, WeightSums, diagnose
from training.evaluation.rounds import evaluate_rounds
from training.evaluation.verdict import Grade


def diagnostics_of(feedback, probabilities):
    return evaluate_policy(feedback, probabilities).diagnostics


def test_a_true_log_passes_its_propensity_check(world):
    feedback = world.log(5_000, seed=10)

    found = diagnostics_of(feedback, world.evaluation_probabilities(feedback))

    assert (found.n_checked, found.n_actions) == (3, 3)
    assert found.propensities_hold
    assert found.mean_weight == pytest.approx(1, abs=0.1)
    assert abs(found.weight_z) < 4


def test_a_log_with_wrong_propensities_is_refused_with_the_action_named(world):
    feedback = world.log(5_000, seed=10)
    wrong = replace(
        feedback,
        propensities=np.where(feedback.actions == 1, 0.5 * feedback.propensities, feedback.propensities),
    )

    evaluation = evaluate_policy(wrong, world.evaluation_probabilities(wrong))

    assert evaluation.verdict.grade == Grade.REFUSE
    assert "propensities of action small are not true" in evaluation.verdict.reasons[0]


def test_sums_over_shards_give_the_diagnostics_of_the_whole(world):
    feedback = world.log(900, seed=11)
    probabilities = world.evaluation_probabilities(feedback)

    def sums(rows):
        rounds = evaluate_rounds(feedback.take(rows), probabilities[rows], np.zeros(len(probabilities[rows])))
        return WeightSums.of(rounds), ActionSums.of(feedback.take(rows), probabilities[rows].sum(axis=0))

    (w1, a1), (w2, a2), (w, a) = sums(slice(0, 400)), sums(slice(400, 900)), sums(slice(0, 900))
    merged, whole = (diagnose(*those, feedback.action_names) for those in ((w1 + w2, a1 + a2), (w, a)))

    for key, value in vars(whole).items():
        assert vars(merged)[key] == (pytest.approx(value) if isinstance(value, float) else value)


def test_probability_on_actions_that_the_log_never_shows_is_counted(world):
    feedback = world.log(500, seed=12)
    wider = replace(
        feedback, eligible=np.ones((500, 4), dtype=np.bool_), action_names=(*feedback.action_names, "new")
    )
    probabilities = np.column_stack([0.8 * world.evaluation_probabilities(feedback), np.full(500, 0.2)])

    evaluation = evaluate_policy(wider, probabilities)

    assert evaluation.diagnostics.unsupported_share == pytest.approx(0.2)
    assert evaluation.verdict.grade == Grade.REFUSE
    assert "20% of the policy's probability is on actions the log never shows" in evaluation.verdict.reasons


def test_rounds_with_weight_and_a_reward_are_counted(world):
    feedback = world.log(300, seed=13)
    clicks = replace(feedback, rewards=(feedback.rewards > 2).astype(float))

    found = evaluate_policy(clicks, None).diagnostics

    assert found.n_rewarded == int(clicks.rewards.sum())
    assert found.effective_sample_size == pytest.approx(300)
