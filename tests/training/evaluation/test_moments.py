from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.errors import TooFewRoundsError
from training.evaluation.moments import Moments


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.floats(-1e6, 1e6))
def test_the_moments_of_two_shards_add_up_to_those_of_both(seed, n_first, n_second, offset):
    terms = np.random.default_rng(seed).normal(size=(n_first + n_second, 3)) + offset

    whole = Moments.of(terms)
    merged = Moments.of(terms[:n_first]) + Moments.of(terms[n_first:])

    assert merged.n_rounds == whole.n_rounds
    assert merged.means == pytest.approx(whole.means, rel=1e-9, abs=1e-9)
    assert merged.root.T @ merged.root == pytest.approx(whole.root.T @ whole.root, rel=1e-6, abs=1e-7)
    assert (merged.largest == whole.largest).all()


def test_variance_and_effective_sample_size_are_the_textbook_ones():
    terms = np.random.default_rng(3).gamma(2.0, size=(200, 2))
    moments, gradient = Moments.of(terms), np.array([0.5, -2.0])

    assert moments.variance(gradient) == pytest.approx(np.var(terms @ gradient))
    weights = terms[:, 1]
    assert moments.effective_sample_size(1) == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_terms_that_cancel_leave_no_variance_behind():
    weights = np.random.default_rng(4).exponential(size=10_000)
    moments = Moments.of(np.column_stack([7e5 * weights, weights]))

    error = np.sqrt(moments.variance(np.array([1.0, -7e5])))

    assert error < 1e-8


def test_no_rounds_are_refused():
    with pytest.raises(TooFewRoundsError, match="found no rounds"):
        Moments.of(np.empty((0, 2)))
