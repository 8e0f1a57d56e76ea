"""Estimators against a world whose policy value is known.

Fixed seeds. If intervals are right, one estimator leaves the band of 180 to 198 covered logs of 200 with probability 0.003,
and the mean of its 200 errors leaves ±4 standard errors with probability 0.0001.
"""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.evaluation import standard_estimators

N_LOGS, N_ROUNDS = 200, 800


@pytest.fixture(scope="module")
def estimates(world):
    by_name = {}
    for seed in range(N_LOGS):
        rounds = world.rounds(N_ROUNDS, seed)
        for estimator in standard_estimators(rounds):
            by_name.setdefault(estimator.name, []).append(estimator.estimate(estimator.add_up(rounds)))
    return by_name


@pytest.fixture(scope="module")
def truth(world):
    return world.true_value()


@pytest.mark.parametrize("name", ["replay", "ips", "snips", "dr"])
def test_the_bias_over_200_logs_is_within_four_standard_errors(name, estimates, truth):
    errors = np.array([estimate.value - truth for estimate in estimates[name]])

    assert abs(errors.mean()) <= 4 * errors.std(ddof=1) / np.sqrt(N_LOGS)


@pytest.mark.parametrize("name", ["replay", "ips", "snips", "dr"])
def test_intervals_of_95_percent_cover_between_90_and_99_percent(name, estimates, truth):
    covered = [estimate.low <= truth <= estimate.high for estimate in estimates[name]]

    assert 0.90 <= np.mean(covered) <= 0.99


def test_dr_with_a_useful_model_is_the_most_precise(estimates):
    errors = {name: np.mean([one.standard_error for one in those]) for name, those in estimates.items()}

    assert min(errors, key=errors.get) == "dr"


def test_the_stated_error_is_the_spread_over_logs(estimates):
    for those in estimates.values():
        spread = np.var([one.value for one in those], ddof=1)
        stated = np.mean([one.standard_error**2 for one in those])

        assert stated == pytest.approx(
            spread, rel=0.4
        )  # the variance of 200 values has a standard error of 10 %
