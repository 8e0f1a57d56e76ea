"""The warm start: what it teaches is true in its world, weighs little, is marked as simulated and can be repeated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.schema import CHANNELS, load_schema
from models.catalogue import load_policy
from models.inputs import bind, input_names
from models.reward import RewardSpec
from training.policies import WARM_STARTS, WarmStart, simulate_rounds
from training.simulation.formation import SimulationError
from training.simulation.policy_value import known_value
from training.simulation.stage import Stage
from training.warm_start import StartedPolicy, start_policy, value_table

SMALL = [replace(start, n_rounds=20_000) for start in WARM_STARTS]


@pytest.fixture(scope="module", params=SMALL, ids=lambda start: start.name)
def start(request: pytest.FixtureRequest) -> WarmStart:
    chosen: WarmStart = request.param
    return chosen


@pytest.fixture(scope="module")
def started(start: WarmStart, stage: Stage) -> StartedPolicy:
    return start_policy(start, stage, seed=0)


def test_a_warm_started_policy_is_worth_more_than_chance_and_less_than_the_optimum(
    started: StartedPolicy,
) -> None:
    """The gain is 4 standard errors above 0: a policy no better than chance passes once in 30,000 runs."""
    value = started.value

    assert value.gain > 4 * value.gain_se
    assert value.random < value.policy < value.optimum
    assert value.gain == pytest.approx(value.policy - value.random)


def test_simulated_rounds_weigh_as_much_as_the_start_says(start: WarmStart, started: StartedPolicy) -> None:
    arrays = started.artifact.arrays
    coupons = start.name == "coupon_policy"  # whose second regression is of orders alone
    count = arrays["start_count"][0] if coupons else arrays["count"].sum()

    assert count == pytest.approx(start.worth)
    assert started.artifact.manifest["simulated_worth_rounds"] == start.worth


def test_the_manifest_says_that_the_policy_knows_simulated_feedback_only(
    start: WarmStart, started: StartedPolicy
) -> None:
    manifest = started.artifact.manifest

    assert manifest["name"] == start.name
    assert manifest["warm_start"] == "simulated"
    assert manifest["learned_until"] is None
    assert 10_000 < manifest["simulated_rounds"] <= start.n_rounds
    assert manifest["data_fingerprint"] == "made up"
    assert RewardSpec(**manifest["reward"]) == start.request.reward


def test_the_service_can_load_the_policy_and_give_it_its_inputs(started: StartedPolicy) -> None:
    policy = load_policy(started.artifact)
    names = input_names(load_schema().columns)

    context = np.full(len(names), np.nan)[bind(policy.input_names, names)]

    assert policy.probabilities(context, np.ones(policy.n_actions, dtype=np.bool_)).sum() == pytest.approx(1)


def test_the_same_data_and_seed_give_the_same_bytes(
    start: WarmStart, started: StartedPolicy, stage: Stage
) -> None:
    again, other = (start_policy(start, stage, seed=seed).artifact for seed in (0, 1))

    assert again.to_bytes() == started.artifact.to_bytes()
    assert other.digest != again.digest


def test_the_table_names_each_policy_with_its_values(started: StartedPolicy) -> None:
    table = value_table([started])

    cells = [next(iter(column.cells)) for column in table.columns]

    assert cells[0] == f"{started.name.removesuffix('_policy')} ({started.unit})"
    assert [cells[1], *cells[3:5]] == [
        f"{v:.4f}" for v in (started.value.random, started.value.policy, started.value.optimum)
    ]


def test_a_shop_that_can_reach_nobody_is_told_so(stage: Stage) -> None:
    known = stage.audience.known.copy()
    known[:, [stage.audience.names.index(f"consent_{channel}") for channel in CHANNELS]] = 0.0
    unreachable = replace(stage, audience=replace(stage.audience, known=known))

    with pytest.raises(SimulationError, match="consent_"):
        start_policy(SMALL[0], unreachable, seed=0)


def test_every_policy_leads_the_linear_one_that_learnt_the_same_rounds(started: StartedPolicy) -> None:
    """By 3 standard errors over the customers: chance alone passes once in 700 runs."""
    assert started.lead.value > 3 * started.lead.se


def test_a_send_time_gains_from_the_customer_s_own_hours(stage: Stage) -> None:
    """The same policy on the same occasions, knowing the profile or the population's alone; 4 standard errors apart."""
    start = next(each for each in SMALL if each.name == "send_time_policy")
    policy = load_policy(start_policy(start, stage, seed=0).artifact)
    rounds = simulate_rounds(start, stage, np.random.default_rng(1), 2_000)
    blind = rounds.feedback.contexts.copy()
    blind[:, 1:] = np.nan

    known, unknown = (
        known_value(policy, replace(rounds, feedback=replace(rounds.feedback, contexts=contexts)))
        for contexts in (rounds.feedback.contexts, blind)
    )

    assert known.policy - unknown.policy > 4 * known.gain_se
