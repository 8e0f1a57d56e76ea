"""Sums of products on grids are exact: the same in any order, whole or in parts."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.exact_sum import on_grid


@given(
    seed=st.integers(0, 2**32 - 1),
    n_terms=st.integers(1, 300),
    limits=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)),
)
def test_a_product_of_matrices_is_the_sum_without_any_rounding(
    seed: int, n_terms: int, limits: tuple[float, float]
) -> None:
    rng = np.random.default_rng(seed)
    first, second = (on_grid(limit * rng.uniform(-1, 1, n_terms), limit, n_terms) for limit in limits)

    exact = sum((Fraction(a) * Fraction(b) for a, b in zip(first, second, strict=True)), Fraction(0))

    assert Fraction(float(first @ second)) == exact
    assert Fraction(sum((first * second).tolist())) == exact
    assert Fraction(sum((first * second).tolist()[::-1])) == exact


@given(st.floats(1e-6, 1e6), st.integers(1, 300))
def test_a_value_moves_by_less_than_a_millionth_of_the_limit_and_none_beyond_it(
    limit: float, n_terms: int
) -> None:
    values = np.linspace(-limit, limit, 101)

    found = on_grid(values, limit, n_terms)

    assert np.abs(found - values).max() <= limit * 2.0**-22
    assert np.abs(found).max() <= 2.0 ** math.ceil(math.log2(limit))
    assert (np.diff(found) >= 0).all()


def test_what_is_on_a_grid_stays_and_nothing_but_zeros_is_on_every_grid() -> None:
    assert on_grid(np.zeros(3), 0.0, 9).tolist() == [0.0, 0.0, 0.0]
    assert on_grid(np.array([3.0, -5.0]), 5.0, 9).tolist() == [3.0, -5.0]
