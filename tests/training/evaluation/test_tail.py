"""The fitted tail against distributions whose tail is known; fixed seeds.

The fit's standard error at 20,000 weights is about (1 + k)/√424, so 4 of them are missed with probability 6e-5.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.tail import CAPACITY, WeightTail


@pytest.mark.parametrize("k", [0.1, 0.3, 0.5, 0.7, 1.0, 1.5])
def test_the_shape_of_a_pareto_tail_is_found(k):
    weights = (np.random.default_rng(7).random(20_000) ** -k - 1) / k

    assert WeightTail.of(weights).pareto_k() == pytest.approx(k, abs=4 * (1 + k) / math.sqrt(424))


def test_bounded_weights_have_a_light_tail_and_equal_ones_none():
    rng = np.random.default_rng(8)

    assert WeightTail.of(rng.uniform(0, 5, 5_000)).pareto_k() < 0
    assert WeightTail.of(np.ones(5_000)).pareto_k() == -math.inf
    assert WeightTail.of(np.zeros(5_000)).pareto_k() == -math.inf
    assert WeightTail.of(rng.random(9)).pareto_k() == -math.inf  # too few to say


def test_a_tail_of_one_repeated_weight_is_light_and_no_number_is_lost():
    """Of a few distinct weights, as a rule over few actions makes them, the largest ones are often all the same."""
    few = np.repeat([0.2, 1.0, 3.54], [1_500, 400, 100])

    assert WeightTail.of(few).pareto_k() < 0.7
    assert math.isfinite(WeightTail.of(few).pareto_k())


def test_shards_add_up_to_the_whole_and_no_more_is_kept_than_needed():
    weights = np.random.default_rng(9).pareto(2.0, 30_000)

    merged = (
        WeightTail.of(weights[:100]) + WeightTail.of(weights[100:20_000]) + WeightTail.of(weights[20_000:])
    )

    assert len(merged.largest) == CAPACITY
    assert merged.pareto_k() == WeightTail.of(weights).pareto_k()


def test_scaled_weights_have_the_same_tail():
    weights = np.random.default_rng(10).pareto(1.5, 3_000)

    assert WeightTail.of(1e4 * weights).pareto_k() == pytest.approx(
        WeightTail.of(weights).pareto_k(), rel=1e-6
    )
