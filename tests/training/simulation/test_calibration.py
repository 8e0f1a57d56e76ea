"""The simulated world shows the rates that the talk measured, under the talk's own rule of who gets which size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.schema import CHANNELS
from training.simulation.calibration import CLICK_RATES, WHEEL_RATES, CalibratedRate, calibrate, measure
from training.simulation.drift import drift
from training.simulation.formation import SimulationError, form_world
from training.simulation.shop import Shop
from training.simulation.stage import Stage
from training.simulation.wheel_rule import wheel_sizes


@pytest.fixture(scope="module")
def rates(stage: Stage) -> list[CalibratedRate]:
    rng = np.random.default_rng(0)
    return measure(stage.world, stage.audience, stage.population, rng, n_trials=20_000)


def test_simulated_rates_are_those_of_the_talk_within_their_sampling_error(
    rates: list[CalibratedRate],
) -> None:
    """Eleven rates, each within 3.5 standard errors: a calibrated world fails once in 200 seeds; the seed is fixed."""
    print(f"\n{'rate':40}{'talk':>8}{'world':>9}{'found':>9}{'± se':>9}")  # shown by `pytest -s`
    for each in rates:
        row = (each.wanted, each.expected, each.found, each.standard_error)
        print(f"{each.name:40}{row[0]:8.3%}{row[1]:9.3%}{row[2]:9.3%}{row[3]:9.3%}")

    assert len(rates) == len(CLICK_RATES) + len(WHEEL_RATES) + 2
    assert all(abs(each.found - each.wanted) < 3.5 * each.standard_error for each in rates)


def test_the_world_s_expected_rates_are_the_talk_s(rates: list[CalibratedRate]) -> None:
    assert [each.expected for each in rates] == pytest.approx([each.wanted for each in rates], abs=1e-6)


def test_a_larger_size_persuades_more_and_goes_to_the_valuable_who_would_not_buy_anyway(stage: Stage) -> None:
    sizes = wheel_sizes(stage.audience)
    value = stage.audience.columns(("expected_value",))[:, 0]
    likely = stage.audience.columns(("purchase_propensity",))[:, 0]

    small, large = sizes == 10_000, sizes == 50_000

    assert np.all(np.diff(stage.world.spec.size_effect) >= 0)
    assert np.mean(value[large] * (1 - likely[large])) > np.mean(value[small] * (1 - likely[small]))
    assert np.bincount(sizes.astype(np.int64) // 10_000).tolist() == [0, 80, 80, 80, 80, 80]


def test_messages_tire(stage: Stage) -> None:
    everyone = np.arange(len(stage.audience.customer_ids))

    fresh, tired = (
        stage.world.circumstance(everyone, np.zeros_like(everyone), np.full_like(everyone, recent))
        for recent in (0, 5)
    )

    assert np.all(tired < fresh)


def test_rates_cannot_be_set_where_nobody_may_be_reached(stage: Stage) -> None:
    known = stage.audience.known.copy()
    known[:, [stage.audience.names.index(f"consent_{channel}") for channel in CHANNELS]] = 0.0

    with pytest.raises(SimulationError, match="consent_app_push"):
        calibrate(stage.world, replace(stage.audience, known=known), stage.population)


def test_a_drifting_world_starts_as_it_was_and_keeps_its_variety(stage: Stage, shop: Shop) -> None:
    """400 households' standard deviation errs by 3.5 %: 20 % on the way is beyond 5 of them."""
    other = form_world(shop, habit_at=datetime(2024, 7, 19, tzinfo=UTC), seed=1)
    start, middle, end = (drift(stage.world, other, turn) for turn in (0.0, 0.5, 1.0))

    spread = [float(each.taste.interest.std()) for each in (start, middle, end)]
    assert np.array_equal(start.taste.channel, stage.world.taste.channel)
    assert np.allclose(end.taste.channel, other.taste.channel)
    assert spread == pytest.approx([0.5] * 3, rel=0.2)
    assert np.allclose(middle.taste.hours.sum(axis=1), 1)
    with pytest.raises(ValueError, match=r"turn is 1\.5"):
        drift(stage.world, other, 1.5)
