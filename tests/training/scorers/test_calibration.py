"""Platt scaling and calibration error against known truths."""

from __future__ import annotations

import numpy as np
import pytest

from training.scorers.calibration import calibration_bins, customer_folds, fit_platt


def test_platt_scaling_finds_the_truth_within_four_standard_errors() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=40_000)
    y = (rng.random(40_000) < 1 / (1 + np.exp(-(1.5 * z - 0.7)))).astype(float)

    a, b = fit_platt(z, y)

    # standard errors from the Fisher information, about 0.018 and 0.013; 4 of them: fails by chance below 1 in 10,000
    assert abs(a - 1.5) < 0.072
    assert abs(b + 0.7) < 0.052


def test_platt_scaling_keeps_the_mean() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=5_000)
    y = (rng.random(5_000) < 0.3).astype(float)

    a, b = fit_platt(z, y)

    assert np.mean(1 / (1 + np.exp(-(a * z + b)))) == pytest.approx(y.mean(), abs=2e-4)


def test_separable_margins_have_a_finite_answer() -> None:
    a, b = fit_platt(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))

    assert np.isfinite([a, b]).all()
    assert a > 0


def test_one_kind_of_label_cannot_be_calibrated() -> None:
    with pytest.raises(ValueError, match="3 labels of 1 and 0 of 0"):
        fit_platt(np.zeros(3), np.ones(3))


def test_bins_have_equal_mass_and_their_error_is_the_mean_gap() -> None:
    predicted = np.array([0.1] * 50 + [0.6] * 50)
    actual = np.array([0.0] * 50 + [1.0] * 50)

    bins = calibration_bins(predicted, actual, 10)

    assert bins.n_rows.tolist() == [10] * 10
    assert bins.error == pytest.approx((0.1 + 0.4) / 2)


def test_the_noise_is_the_error_of_perfect_probabilities() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(2, 2, size=2_000)

    errors = [calibration_bins(p, (rng.random(2_000) < p).astype(float)).error for _ in range(300)]
    stated = calibration_bins(p, p).noise

    # 300 errors of deviation 0.005: the mean's standard error is 0.0003; within-bin spread makes the truth 3 % smaller
    assert np.mean(errors) == pytest.approx(stated, abs=0.0015)


def test_a_customer_is_in_one_fold_whatever_other_rows_there_are() -> None:
    ids = np.array(["a", "b", "a", "c", "b"])

    folds = customer_folds(ids, 4)

    assert folds[0] == folds[2]
    assert folds[1] == folds[4]
    assert folds[3] == customer_folds(np.array(["c"]), 4)[0]
