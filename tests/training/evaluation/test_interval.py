from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.errors import EvaluationError, NoOverlapError
from training.evaluation.interval import bootstrap_interval, t_interval
from training.evaluation.ips import IPS
from training.evaluation.snips import SNIPS


def test_the_bootstrap_resamples_a_ratio_as_a_ratio(rounds):
    constant = replace(rounds, rewards=np.full(rounds.n_rounds, 2.0))

    low, high = bootstrap_interval(SNIPS(), constant, np.random.default_rng(0), n_resamples=100)

    assert high - low < 1e-12
    assert low == pytest.approx(2.0)


@pytest.mark.parametrize("estimator", [IPS(), SNIPS()], ids=["ips", "snips"])
def test_bootstrap_and_linearised_interval_agree_where_rounds_are_many(estimator, rounds):
    estimate = estimator.estimate(estimator.add_up(rounds))

    low, high = bootstrap_interval(estimator, rounds, np.random.default_rng(0))

    assert high - low == pytest.approx(
        estimate.high - estimate.low, rel=0.15
    )  # 1,000 resamples: about 4 % of error
    assert low < estimate.value < high


def test_a_bootstrap_in_which_resamples_lose_all_weight_is_refused(rounds):
    alone = np.zeros(rounds.n_rounds)
    alone[0] = 0.1
    single = replace(rounds, evaluation_propensities=alone)

    with pytest.raises(NoOverlapError, match="resamples carry no weight"):
        bootstrap_interval(SNIPS(), single, np.random.default_rng(0), n_resamples=50)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(EvaluationError, match="wanted between 0 and 1"):
        t_interval(0.0, 1.0, 10.0, level)


def test_few_degrees_of_freedom_widen_the_interval():
    few, many = (t_interval(0.0, 1.0, freedom, 0.95)[1] for freedom in (3, 1e6))

    assert few == pytest.approx(3.182, abs=1e-3)
    assert many == pytest.approx(1.960, abs=1e-3)
