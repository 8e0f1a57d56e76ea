"""Measures against their definitions, by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from training.scorers.measure import auc, average_ranks, gini, lift, measure_amounts, measure_probabilities

SCORES = np.array([0.1, 0.4, 0.4, 0.8, 0.4, 0.9])
LABELS = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0])


def test_auc_is_the_share_of_pairs_in_order_with_ties_half() -> None:
    pairs = [(p > n) + (p == n) / 2 for p in SCORES[LABELS > 0] for n in SCORES[LABELS == 0]]

    assert auc(SCORES, LABELS) == pytest.approx(np.mean(pairs))
    assert auc(-SCORES, 1 - LABELS) == pytest.approx(np.mean(pairs))


def test_auc_of_one_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="undefined"):
        auc(SCORES, np.ones(6))


def test_equal_values_share_their_mean_rank() -> None:
    assert average_ranks(SCORES).tolist() == [1, 3, 3, 5, 3, 6]


def test_lift_compares_the_top_with_everyone() -> None:
    scores = np.arange(20.0)
    actual = np.r_[np.zeros(16), np.ones(4)]

    assert lift(scores, actual) == pytest.approx(5.0)
    assert lift(-scores, actual) == 0.0


def test_gini_is_one_for_the_true_order_and_minus_one_for_its_reverse() -> None:
    actual = np.array([5.0, 0.0, 1.0, 20.0])

    assert gini(actual, actual) == pytest.approx(1.0)
    assert gini(-actual, actual) == pytest.approx(-1.0)


def test_measures_of_true_amounts_are_perfect() -> None:
    actual = np.random.default_rng(4).gamma(1.0, 100.0, size=500)

    measured = measure_amounts(actual, actual)

    assert measured["mae"] == measured["decile_error"] == 0.0
    assert measured["spearman"] == pytest.approx(1.0)


def test_certain_and_wrong_probabilities_have_a_finite_loss() -> None:
    measured = measure_probabilities(np.array([1.0, 0.0, 0.5]), np.array([0.0, 1.0, 1.0]))

    assert np.isfinite(measured["log_loss"])
    assert measured["brier"] == pytest.approx((1 + 1 + 0.25) / 3)
