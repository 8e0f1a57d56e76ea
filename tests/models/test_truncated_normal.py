"""Draws of a normal that may not be negative, against moments known in closed form and by rejection."""

from __future__ import annotations

import numpy as np
import pytest

from models.truncated_normal import draw_non_negative

N = 20_000


def test_independent_components_have_the_half_normal_s_moments() -> None:
    """Means √(2/π)·s within 4 standard errors each: two of them err once in 8,000 seeds."""
    drawn = draw_non_negative(np.random.default_rng(0), np.zeros(2), np.diag([1.0, 4.0]), N)

    error = drawn.mean(axis=0) - np.sqrt(2 / np.pi) * np.array([1.0, 2.0])
    assert (drawn >= 0).all()
    assert (np.abs(error) < 4 * drawn.std(axis=0) / np.sqrt(N)).all()


def test_correlated_components_agree_with_draws_that_were_thrown_away_where_negative() -> None:
    """Means and second moments within 4.5 standard errors of their difference: errs once in 20,000 seeds."""
    mean, covariance = np.array([0.3, -0.2]), np.array([[1.0, -0.6], [-0.6, 0.8]])
    all_draws = np.random.default_rng(1).multivariate_normal(mean, covariance, 20 * N)
    kept = all_draws[(all_draws >= 0).all(axis=1)]

    drawn = draw_non_negative(np.random.default_rng(2), mean, covariance, N)

    for power in (1, 2):
        se = np.sqrt((drawn**power).var(axis=0) / N + (kept**power).var(axis=0) / len(kept))
        assert (np.abs((drawn**power).mean(axis=0) - (kept**power).mean(axis=0)) < 4.5 * se).all()


@pytest.mark.parametrize("mean", [-60.0, 60.0])
def test_far_from_zero_draws_stay_finite(mean: float) -> None:
    drawn = draw_non_negative(np.random.default_rng(3), np.array([mean]), np.eye(1), 1000)

    assert np.isfinite(drawn).all()
    assert (drawn >= 0).all()
    assert drawn.mean() == pytest.approx(max(mean, 0.0), abs=2.0)
