"""Laws that every estimator keeps; a new one in `standard_estimators` is tested by being there."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.dr import DR
from training.evaluation.errors import EvaluationError, NoOverlapError, RewardModelError
from training.evaluation.estimator import Estimator
from training.evaluation.evaluation import standard_estimators
from training.evaluation.ips import IPS
from training.evaluation.replay import Replay
from training.evaluation.rounds import EvaluatedRounds
from training.evaluation.snips import SNIPS

NAMES = ("replay", "ips", "snips", "dr")


def estimator_named(name: str, rounds: EvaluatedRounds) -> Estimator:
    return next(estimator for estimator in standard_estimators(rounds) if estimator.name == name)


def rewarded(rounds: EvaluatedRounds, rewards: np.ndarray, scale: float = 1.0) -> EvaluatedRounds:
    predicted, values = rounds.predictions()
    return replace(
        rounds, rewards=rewards, predicted_rewards=scale * predicted, predicted_values=scale * values
    )


def slow_value(name: str, rounds: EvaluatedRounds) -> float:
    """The definitions, one round after the other."""
    predicted, values = rounds.predictions()
    largest = max(e / p for e, p in zip(rounds.evaluation_propensities, rounds.propensities, strict=True))
    top, bottom = 0.0, 0.0
    for i in range(rounds.n_rounds):
        weight, reward = rounds.evaluation_propensities[i] / rounds.propensities[i], rounds.rewards[i]
        if name == "replay":
            if rounds.draws[i] < weight / largest:
                top, bottom = top + reward, bottom + 1
        elif name == "snips":
            top, bottom = top + weight * reward, bottom + weight
        elif name == "ips":
            top, bottom = top + weight * reward, bottom + 1
        else:
            top, bottom = top + values[i] + weight * (reward - predicted[i]), bottom + 1
    return top / bottom


def test_every_estimator_is_in_the_report_and_under_these_laws(rounds):
    estimators = standard_estimators(rounds)

    assert {type(estimator) for estimator in estimators} == set(Estimator.__subclasses__())
    assert tuple(estimator.name for estimator in estimators) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_estimate_equals_the_definition_computed_round_by_round(name, rounds):
    estimator = estimator_named(name, rounds)

    estimate = estimator.estimate(estimator.add_up(rounds))

    assert estimate.value == pytest.approx(slow_value(name, rounds), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_self_normalised_estimator_returns_a_constant_reward_with_width_zero(name, rounds):
    constant = rewarded(rounds, np.full(rounds.n_rounds, 31_400.7))
    estimator = estimator_named(name, constant)

    estimate = estimator.estimate(estimator.add_up(constant))

    if estimator.is_self_normalised:
        assert estimate.value == pytest.approx(31_400.7, rel=1e-12)
        assert estimate.high - estimate.low < 1e-8
    else:
        assert estimate.high - estimate.low > 100


def test_dr_returns_a_constant_reward_that_its_model_predicts(rounds):
    ones = np.ones(rounds.n_rounds)
    known = replace(rounds, rewards=3 * ones, predicted_rewards=3 * ones, predicted_values=3 * ones)

    estimate = DR().estimate(DR().add_up(known))

    assert (estimate.low, estimate.value, estimate.high) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("name", NAMES)
def test_the_behaviour_policy_is_worth_the_mean_reward_with_the_usual_interval(name, rounds):
    predicted, _ = rounds.predictions()
    own = replace(rounds, evaluation_propensities=rounds.propensities, predicted_values=predicted)
    estimator = estimator_named(name, own)

    estimate = estimator.estimate(estimator.add_up(own))

    assert estimate.value == pytest.approx(rounds.rewards.mean(), rel=1e-12)
    assert estimate.standard_error == pytest.approx(rounds.rewards.std(ddof=1) / math.sqrt(600), rel=1e-9)
    assert estimate.effective_sample_size == pytest.approx(600)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cuts", [[1], [300], [7, 8, 500], [100, 200, 300, 400, 500]])
def test_shards_add_up_to_the_whole(name, cuts, rounds):
    estimator = estimator_named(name, rounds)
    edges = [0, *cuts, rounds.n_rounds]

    first, *others = [estimator.add_up(rounds.take(slice(a, b))) for a, b in itertools.pairwise(edges)]
    merged = sum(others, start=first)

    whole, parts = estimator.estimate(estimator.add_up(rounds)), estimator.estimate(merged)
    for key, value in vars(whole).items():
        assert vars(parts)[key] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [-2.0, 1e-4, 3e7])
def test_scaled_rewards_scale_the_estimate_and_its_error(name, scale, rounds):
    scaled = rewarded(rounds, scale * rounds.rewards, scale)
    estimator = estimator_named(name, rounds)

    before, after = (estimator.estimate(estimator.add_up(those)) for those in (rounds, scaled))

    assert after.value == pytest.approx(scale * before.value, rel=1e-9)
    assert after.standard_error == pytest.approx(abs(scale) * before.standard_error, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_no_overlap_is_an_error_and_not_zero(name, rounds):
    apart = replace(rounds, evaluation_propensities=np.zeros(rounds.n_rounds))
    estimator = estimator_named(name, apart)

    with pytest.raises(NoOverlapError, match="none of 600 logged rounds"):
        estimator.estimate(estimator.add_up(apart))


@pytest.mark.parametrize("name", NAMES)
def test_one_effective_round_says_nothing_of_the_spread(name, rounds):
    alone = np.zeros(rounds.n_rounds)
    alone[5] = rounds.propensities[5]
    single = replace(rounds, evaluation_propensities=alone)
    estimator = estimator_named(name, single)

    estimate = estimator.estimate(estimator.add_up(single))

    assert (estimate.low, estimate.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_derivative_of_the_value(name, rounds):
    estimator = estimator_named(name, rounds)
    means = estimator.add_up(rounds).means

    step = 1e-6 * np.eye(len(means))
    numeric = (estimator.value(means + step) - estimator.value(means - step)) / 2e-6

    assert estimator.gradient(means) == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_replay_of_a_fixed_policy_on_a_uniform_log_keeps_exactly_the_agreeing_rounds(rounds):
    agrees = np.arange(rounds.n_rounds) % 3 == 0
    uniform = replace(
        rounds, propensities=np.full(rounds.n_rounds, 1 / 3), evaluation_propensities=agrees.astype(float)
    )

    estimate = Replay(largest_weight=3.0).estimate(Replay(largest_weight=3.0).add_up(uniform))

    assert estimate.value == pytest.approx(rounds.rewards[agrees].mean())
    assert estimate.effective_sample_size == pytest.approx(agrees.sum())


def test_replay_refuses_a_weight_above_its_bound(rounds):
    with pytest.raises(EvaluationError, match="replay wants none above 1"):
        Replay(largest_weight=1.0).add_up(rounds)


def test_dr_without_predictions_is_refused_and_with_zero_predictions_is_ips(rounds):
    zeros = np.zeros(rounds.n_rounds)
    blind = replace(rounds, predicted_rewards=zeros, predicted_values=zeros)

    assert DR().estimate(DR().add_up(blind)).value == IPS().estimate(IPS().add_up(rounds)).value
    with pytest.raises(RewardModelError, match="needs a reward model"):
        DR().add_up(replace(rounds, predicted_rewards=None))


def test_snips_stays_within_the_rewards(rounds):
    binary = replace(rounds, rewards=(rounds.rewards > 1).astype(float))

    estimate = SNIPS().estimate(SNIPS().add_up(binary))

    assert 0 < estimate.value < 1
