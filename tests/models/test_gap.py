"""Distributions made of predicted rewards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.gap import inverse_gap, share_of_best

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=6)


def plain_square_cb(losses: np.ndarray, gamma: float) -> np.ndarray:
    """Algorithm 1 of Foster and Rakhlin (2020) as printed: losses, one best action, μ = K."""
    best = int(np.argmin(losses))
    p = 1 / (len(losses) + gamma * (losses - losses[best]))
    p[best] = 0.0
    p[best] = 1 - p.sum()
    return p


@given(VALUES, st.floats(0, 1e6))
def test_inverse_gap_weighting_is_the_papers_of_negated_losses(values: list[float], gamma: float) -> None:
    rewards = np.array(values) + np.arange(len(values)) * 1e-3
    everything = np.ones((1, len(values)), dtype=np.bool_)

    found = inverse_gap(rewards[None], everything, gamma)[0]

    if np.count_nonzero(rewards >= rewards.max() - 1e-9) == 1:
        assert found == pytest.approx(plain_square_cb(-rewards, gamma), abs=1e-9)
    assert found.sum() == pytest.approx(1.0)
    assert (found > 0).all()


def test_no_gamma_is_uniform_and_a_large_one_greedy() -> None:
    values, everything = np.array([[1.0, 2.0, 4.0]]), np.ones((1, 3), dtype=np.bool_)

    assert inverse_gap(values, everything, 0.0)[0] == pytest.approx(np.full(3, 1 / 3))
    assert inverse_gap(values, everything, 1e9)[0] == pytest.approx([0, 0, 1], abs=1e-8)


@given(VALUES, st.randoms(use_true_random=False))
def test_ineligible_actions_get_nothing_and_do_not_count(values: list[float], random: object) -> None:
    rewards = np.array([values])
    eligible = np.array([[random.random() < 0.5 for _ in values]])
    eligible[0, random.randrange(len(values))] = True

    for found in (inverse_gap(rewards, eligible, 2.0)[0], share_of_best(rewards, eligible)[0]):
        assert (found[~eligible[0]] == 0).all()
        assert found.sum() == pytest.approx(1.0)
    alone = inverse_gap(rewards[:, eligible[0]], eligible[:, eligible[0]], 2.0)[0]
    assert inverse_gap(rewards, eligible, 2.0)[0][eligible[0]] == pytest.approx(alone)


def test_ties_for_the_best_share_evenly() -> None:
    values, everything = np.array([[2.0, 2.0, 1.0, 2.0]]), np.ones((1, 4), dtype=np.bool_)

    assert share_of_best(values, everything)[0] == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3])
    assert np.ptp(inverse_gap(values, everything, 5.0)[0][[0, 1, 3]]) == pytest.approx(0.0)
