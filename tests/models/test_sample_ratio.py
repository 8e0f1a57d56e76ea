from __future__ import annotations

import numpy as np
import pytest

from models.sample_ratio import FALSE_ALARM, SampleRatio

SHARES = {"decisioning": 0.9, "random": 0.05, "holdout": 0.05}


def ratio(decisioning: int, random: int, holdout: int, **others: int) -> SampleRatio:
    counts = {"decisioning": decisioning, "random": random, "holdout": holdout, **others}
    return SampleRatio(journey="lucky_wheel", counts=counts, shares=SHARES)


def test_true_shares_raise_the_alarm_as_seldom_as_stated():
    """20,000 draws of true shares: more than 40 alarms where 20 are expected have probability below 1e-4."""
    draws = np.random.default_rng(3).multinomial(2_000, list(SHARES.values()), size=20_000)

    alarms = sum(bool(ratio(*map(int, draw)).fault) for draw in draws)

    assert alarms <= 40
    assert FALSE_ALARM == 1e-3


def test_the_statistic_is_pearsons():
    from scipy.stats import chisquare

    found = ratio(1_850, 80, 70).p_value

    assert found == pytest.approx(chisquare([1_850, 80, 70], [1_800, 100, 100]).pvalue)


def test_a_group_that_loses_customers_is_named_with_what_was_set():
    fault = ratio(1_800, 100, 30).fault

    assert "mismatch in lucky_wheel" in fault
    assert "holdout 1.6%" in fault
    assert "holdout 5.0%" in fault


def test_customers_in_a_group_that_has_no_share_are_a_mismatch():
    assert ratio(1_800, 100, 100, strangers=1).p_value == 0.0


def test_too_few_customers_say_nothing():
    assert ratio(40, 0, 0).p_value is None
    assert ratio(40, 0, 0).fault == ""
