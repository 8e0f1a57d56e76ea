"""Simulated rounds: contexts as the service names them, uniform choices, rewards that agree with the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.reward import RewardSpec
from training.simulation.occasions import draw_occasions
from training.simulation.rounds import (
    Request,
    SimulatedRounds,
    simulate_channels,
    simulate_coupons,
    simulate_send_times,
)
from training.simulation.stage import Stage

NAMES = ("local_hour", "local_weekday", "consent_sms", "channel_sms", "channel_email", "send_hour")
CLICK = RewardSpec(kind="click", window_hours=48, message_cost=0.002)
NET_VALUE = RewardSpec(kind="net_value", window_hours=24, delivery="assumed")
DECISIONS = [(simulate_channels, CLICK), (simulate_send_times, CLICK), (simulate_coupons, NET_VALUE)]
Simulate = Callable[..., SimulatedRounds]


def _simulate(stage: Stage, simulate: Simulate, reward: RewardSpec, n: int) -> SimulatedRounds:
    rng = np.random.default_rng(0)
    occasions = draw_occasions(rng, stage.audience, stage.population, n)
    return simulate(rng, stage.world, stage.audience, occasions, Request(input_names=NAMES, reward=reward))


@pytest.mark.parametrize(("simulate", "reward"), DECISIONS)
def test_rewards_average_to_the_expected_ones(stage: Stage, simulate: Simulate, reward: RewardSpec) -> None:
    """Within 4 standard errors of the mean: errs once in 15,000 runs."""
    rounds = _simulate(stage, simulate, reward, 20_000)

    chosen = rounds.expected[np.arange(rounds.feedback.n_rounds), rounds.feedback.actions]

    error = rounds.feedback.rewards - chosen
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))


@pytest.mark.parametrize(("simulate", "reward"), DECISIONS)
def test_the_truth_is_known_of_exactly_the_eligible_actions(
    stage: Stage, simulate: Simulate, reward: RewardSpec
) -> None:
    rounds = _simulate(stage, simulate, reward, 500)

    assert np.array_equal(np.isfinite(rounds.expected), rounds.feedback.eligible)
    assert np.allclose(rounds.feedback.propensities, 1 / rounds.feedback.eligible.sum(axis=1))


def test_channels_are_chosen_alike_among_those_a_customer_can_be_reached_on(stage: Stage) -> None:
    """Of 20,000 rounds, before undelivered ones leave; each count within 4 standard deviations errs once in 4,000 runs."""
    rounds = _simulate(stage, simulate_channels, CLICK, 20_000)
    delivery = np.array(stage.world.spec.delivery_rate)
    weights = rounds.feedback.eligible * delivery

    expected = weights / weights.sum(axis=1, keepdims=True)

    counts = np.bincount(rounds.feedback.actions, minlength=4)
    spread = np.sqrt((expected * (1 - expected)).sum(axis=0))
    assert np.array_equal(rounds.feedback.eligible, stage.audience.channels()[rounds.customers])
    assert np.all(np.abs(counts - expected.sum(axis=0)) < 4 * spread + 0.01 * counts)


def test_a_context_holds_the_moment_and_the_channel_decided_before(stage: Stage) -> None:
    rounds = _simulate(stage, simulate_send_times, CLICK, 500)
    hour, weekday, consent, sms, email, send_hour = rounds.feedback.contexts.T

    assert np.all((hour >= 0) & (hour < 24) & (hour == np.floor(hour)))
    assert np.all((weekday >= 0) & (weekday < 7))
    assert set(np.unique(sms)) == {0.0, 1.0}
    assert np.all(sms + email <= 1)
    assert np.all(consent[sms == 1] == 1)
    assert np.all(np.isnan(send_hour))


def test_no_channel_is_decided_in_a_wheel(stage: Stage) -> None:
    rounds = _simulate(stage, simulate_coupons, NET_VALUE, 50)

    assert np.all(rounds.feedback.contexts[:, 3:5] == 0)
