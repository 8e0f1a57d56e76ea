"""The difference of two policies on the same rounds, against a world in which it is known.

Coverage of 200 logs leaves its band with probability 0.003, the mean error its own with probability 6e-5.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.in_memory import cross_fit_rewards
from training.evaluation.dr import DR
from training.evaluation.errors import EvaluationError, NoOverlapError
from training.evaluation.ips import IPS
from training.evaluation.paired import PairedDifference
from training.evaluation.rounds import evaluate_rounds
from training.evaluation.snips import SNIPS

N_LOGS, N_ROUNDS = 200, 800
ESTIMATORS = (IPS(), SNIPS(), DR())


def pair(world, seed, n_rounds=N_ROUNDS):
    """The evaluation policy and one that is a little more careful, on one log."""
    feedback = world.log(n_rounds, seed)
    bold = world.evaluation_probabilities(feedback)
    careful = 0.8 * bold + 0.2 / 3
    predictions, draws = cross_fit_rewards(feedback), np.zeros(n_rounds)
    return tuple(evaluate_rounds(feedback, each, draws, predictions) for each in (bold, careful))


@pytest.fixture(scope="module")
def true_difference(world):
    nodes, density = world.quadrature()
    uniform = float(density @ world.expected_rewards(nodes).mean(axis=1))
    return 0.2 * (world.true_value() - uniform)


@pytest.fixture(scope="module")
def pairs(world):
    return [pair(world, seed) for seed in range(N_LOGS)]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: each.name)
def test_the_difference_is_unbiased_and_its_interval_covers(estimator, pairs, true_difference):
    paired = PairedDifference(estimator=estimator)

    found = [paired.estimate(paired.add_up(*both)) for both in pairs]

    errors = np.array([one.value - true_difference for one in found])
    assert abs(errors.mean()) <= 4 * errors.std(ddof=1) / np.sqrt(N_LOGS)
    assert 0.90 <= np.mean([one.low <= true_difference <= one.high for one in found]) <= 0.99


def test_alike_policies_are_told_apart_much_better_than_by_two_separate_intervals(pairs):
    bold, careful = pairs[0]
    paired = PairedDifference(estimator=DR())

    together = paired.estimate(paired.add_up(bold, careful)).standard_error
    apart = np.hypot(*(DR().estimate(DR().add_up(each)).standard_error for each in pairs[0]))

    assert together < 0.4 * apart


def test_a_policy_differs_from_itself_by_nothing(rounds):
    paired = PairedDifference(estimator=SNIPS())

    found = paired.estimate(paired.add_up(rounds, rounds))

    assert (found.low, found.value, found.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_shards_add_up_to_the_whole(rounds):
    paired = PairedDifference(estimator=SNIPS())
    other = replace(rounds, evaluation_propensities=rounds.evaluation_propensities[::-1] * 0.5)
    cut = [(rounds.take(part), other.take(part)) for part in (slice(0, 100), slice(100, None))]

    merged = paired.estimate(paired.add_up(*cut[0]) + paired.add_up(*cut[1]))

    whole = paired.estimate(paired.add_up(rounds, other))
    assert (merged.low, merged.high) == pytest.approx((whole.low, whole.high), rel=1e-9)


def test_other_rounds_and_a_policy_without_overlap_are_refused(rounds):
    paired = PairedDifference(estimator=IPS())

    with pytest.raises(EvaluationError, match="the same rounds in the same order"):
        paired.add_up(rounds, replace(rounds, rewards=rounds.rewards[::-1]))
    with pytest.raises(NoOverlapError, match="under one of the policies"):
        paired.estimate(
            paired.add_up(rounds, replace(rounds, evaluation_propensities=np.zeros(rounds.n_rounds)))
        )
