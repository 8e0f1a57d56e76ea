from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.bernstein import KnownBounds, bernstein_interval
from training.evaluation.errors import EvaluationError, TooFewRoundsError
from training.evaluation.ips import IPS
from training.evaluation.rounds import EvaluatedRounds
from training.evaluation.snips import SNIPS

BOUNDS = KnownBounds(lowest_reward=0.0, highest_reward=1.0, least_propensity=0.05)


def rare_clicks(n_rounds: int, seed: int) -> EvaluatedRounds:
    """One action in twenty is the policy's, seldom logged, and 5 % of its rounds are clicks: skewed terms."""
    rng = np.random.default_rng(seed)
    wanted = rng.random(n_rounds) < 0.05
    return EvaluatedRounds(
        rewards=(rng.random(n_rounds) < 0.05).astype(float),
        propensities=np.where(wanted, 0.05, 0.95),
        evaluation_propensities=wanted.astype(float),
        draws=np.zeros(n_rounds),
    )


def bounds_of(rounds: EvaluatedRounds) -> tuple[float, float]:
    return bernstein_interval(IPS(), IPS().add_up(rounds), *BOUNDS.of_weighted_rewards())


def test_it_covers_where_the_linearised_interval_does_not():
    """By theory 95 % or more of logs; of 300, fewer than 270 would happen with probability below 0.001."""
    logs = [rare_clicks(400, seed) for seed in range(300)]

    covered = np.mean([low <= 0.05 <= high for low, high in map(bounds_of, logs)])
    linear = [IPS().estimate(IPS().add_up(log)) for log in logs]

    assert covered >= 0.95
    assert np.mean([one.low <= 0.05 <= one.high for one in linear]) < 0.90


def test_it_narrows_to_little_more_than_the_linearised_interval_where_rounds_are_many():
    rounds = rare_clicks(1_000_000, 1)

    low, high = bounds_of(rounds)

    linear = IPS().estimate(IPS().add_up(rounds))
    assert 1.4 < (high - low) / (linear.high - linear.low) < 1.7


def test_shards_add_up_to_the_whole():
    rounds = rare_clicks(5_000, 2)

    merged = IPS().add_up(rounds.take(slice(0, 70))) + IPS().add_up(rounds.take(slice(70, None)))

    found = bernstein_interval(IPS(), merged, *BOUNDS.of_weighted_rewards())
    assert found == pytest.approx(bounds_of(rounds), rel=1e-9)


def test_a_ratio_a_term_out_of_range_and_a_lone_round_are_refused(rounds):
    with pytest.raises(EvaluationError, match="no mean of terms"):
        bernstein_interval(SNIPS(), SNIPS().add_up(rounds), 0, 20)
    with pytest.raises(EvaluationError, match="wanted none outside"):
        bernstein_interval(IPS(), IPS().add_up(replace(rounds, rewards=abs(rounds.rewards))), 0, 1)
    with pytest.raises(TooFewRoundsError):
        bernstein_interval(IPS(), IPS().add_up(rounds.take(slice(0, 1))), -100, 100)


@pytest.mark.parametrize("text", ["0:1", "a:b:c", ""])
def test_bounds_of_another_form_are_refused(text):
    with pytest.raises(EvaluationError, match="wanted LOWEST:HIGHEST:LEAST_PROPENSITY"):
        KnownBounds.parse(text)


@pytest.mark.parametrize(("low", "high", "least"), [(1, 1, 0.1), (0, 1, 0.0), (0, 1, 2.0)])
def test_bounds_that_bound_nothing_are_refused(low, high, least):
    with pytest.raises(EvaluationError, match="wanted"):
        KnownBounds(lowest_reward=low, highest_reward=high, least_propensity=least)
