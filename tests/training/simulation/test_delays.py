"""Five ways to treat a click that has not come yet, in a world that knows the true click rate."""

from __future__ import annotations

import numpy as np

from models.feedback import Floats
from training.simulation.delays import StrategyError, compare_strategies, draw_delays, true_arrived_by

ZERO, AT_ONCE, WAIT, EXPOSED, INVERSE = range(5)


def steady(ages: Floats) -> Floats:
    return np.full(len(ages), 0.05)


def falling(ages: Floats) -> Floats:
    """7 % four days ago, 3 % now."""
    return 0.03 + 0.04 * ages / 96


def _print(title: str, errors: list[StrategyError]) -> None:
    print(f"\n{title:32}{'bias':>9}{'± se':>8}{'rmse':>8}")  # shown by `pytest -s`
    for each in errors:
        print(f"{each.strategy:32}{each.bias:>+9.1%}{each.bias_se:>8.1%}{each.rmse:>8.1%}")


def test_delays_are_drawn_as_their_distribution_says() -> None:
    """20,000 draws: each share within 4 standard errors, five of them err once in 3,000 seeds."""
    drawn = draw_delays(np.random.default_rng(0), 20_000)

    at = np.array([0.5, 2.0, 6.0, 24.0, 40.0])
    truth = true_arrived_by(at)
    found = (drawn[:, None] <= at).mean(axis=0)
    assert (np.abs(found - truth) < 4 * np.sqrt(truth * (1 - truth) / 20_000)).all()
    assert drawn.max() <= 48


def test_of_a_running_campaign_the_corrections_are_right_and_the_usual_ways_are_not() -> None:
    """100 runs: the corrections' bias within 4 standard errors of 0, which errs once in 7,000 seeds."""
    errors = compare_strategies(np.random.default_rng(0), steady, days=4.0, n_rounds=20_000, n_runs=100)
    _print("four days old, steady", errors)

    assert all(abs(errors[each].bias) < 4 * errors[each].bias_se for each in (WAIT, EXPOSED, INVERSE))
    assert errors[ZERO].bias < -8 * errors[ZERO].bias_se
    assert errors[AT_ONCE].bias > 8 * errors[AT_ONCE].bias_se
    assert errors[EXPOSED].rmse < min(errors[each].rmse for each in (ZERO, AT_ONCE, WAIT))


def test_where_the_click_rate_falls_waiting_is_late_and_only_inverse_weights_are_without_bias() -> None:
    """100 runs: the bias of inverse weights within 4 standard errors of 0, which errs once in 15,000 seeds."""
    errors = compare_strategies(np.random.default_rng(2), falling, days=4.0, n_rounds=20_000, n_runs=100)
    _print("four days old, falling", errors)

    assert abs(errors[INVERSE].bias) < 4 * errors[INVERSE].bias_se
    assert 0 < errors[EXPOSED].bias < errors[WAIT].bias / 3
    assert errors[AT_ONCE].bias > errors[WAIT].bias


def test_of_a_campaign_younger_than_the_window_only_the_corrections_can_say_anything() -> None:
    """100 runs; the corrections' bias within 4 standard errors of 0: errs once in 7,000 seeds."""
    errors = compare_strategies(np.random.default_rng(1), steady, days=1.5, n_rounds=20_000, n_runs=100)
    _print("a day and a half old, steady", errors)

    assert all(abs(errors[each].bias) < 4 * errors[each].bias_se for each in (EXPOSED, INVERSE))
    assert errors[ZERO].bias < -0.1
    assert errors[AT_ONCE].bias > 10  # all that it has seen are clicks
    assert np.isnan(errors[WAIT].bias)
