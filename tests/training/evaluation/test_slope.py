from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.clipped_ips import ClippedIPS
from training.evaluation.errors import EvaluationError
from training.evaluation.ips import IPS
from training.evaluation.moments import Moments
from training.evaluation.slope import GRID, choose_by_slope


def moments(mean: float, spread: float) -> Moments:
    """Half the rounds above the mean by the spread, half below."""
    return Moments.of(np.column_stack([mean + spread * np.tile([1.0, -1.0], 5_000), np.ones(10_000)]))


@pytest.mark.parametrize(
    ("means", "chosen"),
    [
        ((0.50, 0.50, 0.50), 2),  # all agree: the narrowest
        ((0.50, 0.50, 0.90), 1),  # the narrowest is far off: the one before
        ((0.50, 0.90, 0.50), 0),  # what comes after the first break is not looked at
    ],
)
def test_the_narrowest_that_agrees_with_all_wider_ones_is_chosen(means, chosen):
    shards = [moments(mean, spread) for mean, spread in zip(means, (4.0, 2.0, 1.0), strict=True)]

    assert choose_by_slope([IPS()] * 3, shards) == chosen
    assert choose_by_slope([IPS()] * 3, shards[::-1]) == 2 - chosen


def test_the_choice_is_the_same_from_shards_as_from_the_whole(rounds):
    caps = [ClippedIPS(cap=value) for value in (0.5, 1.0, 2.0, *GRID)]
    halves = [rounds.take(slice(0, 250)), rounds.take(slice(250, None))]

    merged = [each.add_up(halves[0]) + each.add_up(halves[1]) for each in caps]

    assert choose_by_slope(caps, merged) == choose_by_slope(caps, [each.add_up(rounds) for each in caps])


def test_no_candidate_is_refused():
    with pytest.raises(EvaluationError, match="wanted at least 1"):
        choose_by_slope([], [])


def test_of_caps_that_no_weight_reaches_the_one_without_bias_is_chosen(rounds):
    above_all = [ClippedIPS(cap=value) for value in (rounds.weights.max() + 1, 1e6, np.inf)]

    chosen = above_all[choose_by_slope(above_all, [each.add_up(rounds) for each in above_all])]

    assert chosen.caveat == ""
