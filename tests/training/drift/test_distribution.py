"""What is kept of a training set: bins of tenths, what they hold, and the artifact that carries it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.artifact import Artifact
from training.drift.distribution import (
    N_BINS,
    InputDistributions,
    NoDistributionError,
    bin_places,
    count_bins,
)

ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 60), st.just(3)),
    elements=st.sampled_from([np.nan, -1.0, 0.0, 0.5, 3.0, 1e9]),
)


def test_distinct_values_are_parted_into_tenths_and_the_missing_are_counted_apart():
    rows = np.append(np.random.default_rng(0).permutation(1_000) / 10, [np.nan] * 7)[:, None]

    found = InputDistributions.of(("x",), rows, 900)

    assert found.edges[0] == pytest.approx(np.arange(1, N_BINS) * 10 - 0.1)
    assert found.counts[0].tolist() == [100] * N_BINS + [7]
    assert found.means[0] == pytest.approx(49.95)
    assert found.quantiles[0] == pytest.approx([0.0, 9.99, 49.95, 89.91, 99.9])


def test_one_value_that_holds_most_tenths_leaves_fewer_bins():
    rows = np.array([0.0] * 80 + [1.0] * 15 + [2.0] * 5)[:, None]

    found = InputDistributions.of(("x",), rows, 100)

    assert found.n_bins.tolist() == [3]
    assert found.counts[0][:3].tolist() == [80, 15, 5]


def test_of_a_constant_less_and_more_are_bins_of_their_own():
    found = InputDistributions.of(("x",), np.full((5, 1), 4.0), 5)

    places = bin_places(np.array([[3.0], [4.0], [5.0]]), found.edges)

    assert places[:, 0].tolist() == [0, 1, 2]
    assert found.counts[0][:3].tolist() == [0, 5, 0]


@given(ROWS)
def test_every_row_is_in_one_bin_and_no_value_lies_beyond_its_bins_edges(rows):
    found = InputDistributions.of(("a", "b", "c"), rows, 1)

    places = bin_places(rows, found.edges)

    assert (found.counts.sum(axis=1) == len(rows)).all()
    assert (found.counts == count_bins(places)).all()
    for column in range(3):
        edges = np.array([-np.inf, *found.edges[column], np.inf])
        for value, place in zip(rows[:, column], places[:, column], strict=True):
            if np.isnan(value):
                assert place == N_BINS
            else:
                assert edges[place] < value <= edges[place + 1]
                assert place < found.n_bins[column]


def test_an_artifact_carries_them_beside_what_it_held_through_its_bytes():
    rows = np.column_stack([np.arange(50.0), np.full(50, np.nan)])
    found = InputDistributions.of(("known", "never"), rows, 20)
    artifact = Artifact({"kind": "scorer", "name": "s"}, {"center": np.ones(2)}, {"model.lgb": "trees"})

    carried = Artifact.from_bytes(found.carried_by(artifact).to_bytes())

    read = InputDistributions.read(carried)
    assert (read.names, read.n_customers) == (found.names, 20)
    for name in ("edges", "counts", "means", "quantiles"):
        np.testing.assert_array_equal(getattr(read, name), getattr(found, name))
    assert carried.texts == artifact.texts
    assert carried.arrays["center"].tolist() == [1.0, 1.0]
    assert carried.digest == found.carried_by(artifact).digest != artifact.digest


def test_an_artifact_of_an_earlier_release_says_what_to_do():
    with pytest.raises(
        NoDistributionError, match=r"churn_risk .* does not say what it was trained on: fit and"
    ):
        InputDistributions.read(Artifact({"name": "churn_risk"}))
