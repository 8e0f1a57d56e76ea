"""Raw inputs to a scaled design vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from models.context import LIMIT, Standardizer

NUMBERS = st.one_of(st.floats(-1e9, 1e9), st.just(np.nan))
CONTEXTS = stn.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=NUMBERS)


def test_centre_and_scale_are_those_of_the_known_values() -> None:
    contexts = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, 30.0]])

    fitted = Standardizer.fit(contexts)

    assert fitted.center == pytest.approx([2.0, 20.0])
    assert fitted.scale == pytest.approx([1.0, np.sqrt(200 / 3)])


def test_a_constant_or_never_known_input_keeps_its_scale() -> None:
    fitted = Standardizer.fit(np.array([[7.0, np.nan], [7.0, np.nan]]))

    assert fitted.center.tolist() == [7.0, 0.0]
    assert fitted.scale.tolist() == [1.0, 1.0]
    assert fitted.design(np.array([8.0, 3.0])).tolist() == [1.0, 1.0, 3.0]


def test_the_design_leads_with_one_scales_and_cuts() -> None:
    standardizer = Standardizer(np.array([10.0, 0.0, 0.0]), np.array([2.0, 1.0, 1.0]))

    design = standardizer.design(np.array([14.0, 1e9, -np.inf]))

    assert design.tolist() == [1.0, 2.0, LIMIT, -LIMIT]


def test_an_unknown_input_stands_at_its_centre() -> None:
    standardizer = Standardizer(np.array([10.0]), np.array([2.0]))

    assert standardizer.design(np.array([np.nan])).tolist() == standardizer.design(np.array([10.0])).tolist()


@given(CONTEXTS)
def test_a_design_is_always_finite_and_within_its_limits(contexts: np.ndarray) -> None:
    before = contexts.copy()

    design = Standardizer.fit(contexts).design(contexts)

    assert design.shape == (len(contexts), contexts.shape[1] + 1)
    assert (design[:, 0] == 1).all()
    assert (np.abs(design) <= LIMIT).all()
    np.testing.assert_array_equal(contexts, before)


@given(CONTEXTS)
def test_one_round_is_designed_as_among_many(contexts: np.ndarray) -> None:
    standardizer = Standardizer.fit(contexts)

    np.testing.assert_array_equal(
        standardizer.design(contexts), np.array([standardizer.design(one) for one in contexts])
    )
