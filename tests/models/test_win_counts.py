"""Winners are counted as a draw by draw search finds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.feedback import Floats
from models.win_counts import win_counts

few_values = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, -np.inf])


@given(arrays(np.float64, st.tuples(st.integers(1, 24), st.sampled_from([1, 7, 512])), elements=few_values))
def test_the_first_of_equal_scores_wins(scores: Floats) -> None:
    """So few different values make ties in most draws."""
    found = np.bincount(scores.argmax(axis=0), minlength=len(scores))

    assert win_counts(scores).tolist() == found.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 24))
def test_without_ties_the_largest_wins(seed: int, n_actions: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(n_actions, 512))

    counts = win_counts(scores)

    assert counts.tolist() == np.bincount(scores.argmax(axis=0), minlength=n_actions).tolist()
    assert counts.sum() == 512


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6), st.just(7)), elements=few_values))
def test_rounds_together_are_counted_as_each_alone(scores: Floats) -> None:
    assert win_counts(scores).tolist() == [win_counts(each).tolist() for each in scores]
