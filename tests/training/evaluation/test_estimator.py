"""Laws that every estimator keeps; a new one in `standard_estimators` is tested by being there."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.clipped_ips import ClippedIPS
from training.evaluation.dm import DM
from training.evaluation.dr import DR
from training.evaluation.dros import DRos
from training.evaluation.errors import EvaluationError, NoOverlapError, RewardModelError
from training.evaluation.estimator import Estimator
from training.evaluation.evaluation import standard_estimators
from training.evaluation.ips import IPS
from training.evaluation.replay import Replay
from training.evaluation.rounds import EvaluatedRounds
from training.evaluation.sndr import SNDR
from training.evaluation.snips import SNIPS
from training.evaluation.switch_dr import SwitchDR

NAMES = ("replay", "ips", "clipped-ips", "snips", "dm", "dr", "sndr", "switch-dr", "dros", "mips")
OWN_VALUE_IS_THE_MEAN = tuple(name for name in NAMES if name not in ("dm", "dros"))
"""DM answers with its model, DRos shrinks a weight of 1 too; the others give the behaviour policy its mean reward."""
SMALL = {
    "clipped-ips": ClippedIPS(cap=1.5),
    "switch-dr": SwitchDR(threshold=1.5),
    "dros": DRos(shrinkage=2.0),
}
"""With parameters that bite."""


def estimator_named(name: str, rounds: EvaluatedRounds) -> Estimator:
    return SMALL.get(name) or next(
        estimator for estimator in standard_estimators(rounds) if estimator.name == name
    )


def rewarded(rounds: EvaluatedRounds, rewards: np.ndarray, scale: float = 1.0) -> EvaluatedRounds:
    predicted, values = rounds.predictions()
    return replace(
        rounds, rewards=rewards, predicted_rewards=scale * predicted, predicted_values=scale * values
    )


def slow_value(name: str, rounds: EvaluatedRounds) -> float:
    """The definitions, one round after the other."""
    q, q_policy = rounds.predictions()
    largest = max(e / p for e, p in zip(rounds.evaluation_propensities, rounds.propensities, strict=True))
    top, bottom, model = 0.0, 0.0, 0.0
    for i in range(rounds.n_rounds):
        w, r = rounds.evaluation_propensities[i] / rounds.propensities[i], rounds.rewards[i]
        kept = rounds.draws[i] < w / largest
        added, weight = {
            "replay": (kept * r, kept),
            "ips": (w * r, 1),
            "clipped-ips": (min(w, 1.5) * r, 1),
            "snips": (w * r, w),
            "dm": (q_policy[i], 1),
            "dr": (q_policy[i] + w * (r - q[i]), 1),
            "sndr": (w * (r - q[i]), w),
            "switch-dr": (q_policy[i] + (w * (r - q[i]) if w <= 1.5 else 0), 1),
            "dros": (q_policy[i] + 2 * w / (w**2 + 2) * (r - q[i]), 1),
            "mips": (w * r, 1),  # in these rounds every action is a kind of its own
        }[name]
        top, bottom, model = top + added, bottom + weight, model + q_policy[i]
    return top / bottom + (model / rounds.n_rounds if name == "sndr" else 0)


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
        assert estimate.value != pytest.approx(31_400.7, rel=1e-9)


@pytest.mark.parametrize("estimator", [DM(), DR(), SNDR(), SMALL["switch-dr"], SMALL["dros"]])
def test_a_constant_reward_that_the_model_predicts_is_returned_with_width_zero(estimator, rounds):
    ones = np.ones(rounds.n_rounds)
    known = replace(rounds, rewards=3 * ones, predicted_rewards=3 * ones, predicted_values=3 * ones)

    estimate = estimator.estimate(estimator.add_up(known))

    assert (estimate.low, estimate.value, estimate.high) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("name", OWN_VALUE_IS_THE_MEAN)
def test_the_behaviour_policy_is_worth_the_mean_reward_with_the_usual_interval(name, rounds):
    predicted, _ = rounds.predictions()
    own = replace(
        rounds,
        evaluation_propensities=rounds.propensities,
        predicted_values=predicted,
        kind_weights=np.ones(rounds.n_rounds),
    )
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
    zeros = np.zeros(rounds.n_rounds)
    apart = replace(rounds, evaluation_propensities=zeros, kind_weights=zeros)
    estimator = estimator_named(name, apart)

    with pytest.raises(NoOverlapError, match="none of 600 logged rounds"):
        estimator.estimate(estimator.add_up(apart))


@pytest.mark.parametrize("name", NAMES)
def test_one_effective_round_says_nothing_of_the_spread(name, rounds):
    alone = np.zeros(rounds.n_rounds)
    alone[5] = rounds.propensities[5]
    single = replace(rounds, evaluation_propensities=alone, kind_weights=alone / rounds.propensities)
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


@pytest.mark.parametrize(
    ("estimator", "same_as"),
    [(ClippedIPS(), IPS()), (SwitchDR(), DR()), (DRos(), DR()), (DRos(shrinkage=1e-12), DM())],
    ids=["clipped-ips", "switch-dr", "dros", "dros to dm"],
)
def test_a_parameter_at_its_end_gives_the_plain_estimator(estimator, same_as, rounds):
    ours, plain = (float(each.value(each.add_up(rounds).means)) for each in (estimator, same_as))

    assert ours == pytest.approx(plain, abs=1e-10)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_a_parameter_that_is_not_above_zero_is_refused(wrong):
    for make in (
        lambda: ClippedIPS(cap=wrong),
        lambda: SwitchDR(threshold=wrong),
        lambda: DRos(shrinkage=wrong),
    ):
        with pytest.raises(EvaluationError, match="wanted above 0"):
            make()


def test_a_biased_estimator_says_so_only_where_it_can_be_biased(rounds):
    said = {name: SMALL[name].estimate(SMALL[name].add_up(rounds)).caveat for name in SMALL}

    assert all(caveat.startswith("biased: ") for caveat in said.values())
    assert [each.caveat for each in (ClippedIPS(), SwitchDR(), DRos(), IPS(), DR())] == [""] * 5


def test_without_a_model_or_kinds_the_report_leaves_their_estimators_out(rounds):
    bare = replace(rounds, predicted_rewards=None, predicted_values=None, kind_weights=None)

    assert [each.name for each in standard_estimators(bare)] == ["replay", "ips", "clipped-ips", "snips"]


def test_snips_stays_within_the_rewards(rounds):
    binary = replace(rounds, rewards=(rounds.rewards > 1).astype(float))

    estimate = SNIPS().estimate(SNIPS().add_up(binary))

    assert 0 < estimate.value < 1
