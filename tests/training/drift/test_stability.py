"""The index, its noise and its verdicts: laws, and how often it errs on generated rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.drift.distribution import N_BINS, InputDistributions, bin_places, count_bins
from training.drift.stability import Grade, Stability, stability

COUNTS = st.integers(2, 11).flatmap(
    lambda n: st.tuples(*[arrays(np.int64, n + 1, elements=st.integers(0, 10_000)) for _ in range(2)])
)


@given(COUNTS)
def test_the_index_is_symmetric_never_negative_and_zero_for_equal_shares(pair):
    one, other = pair[0], pair[1]
    one[0], other[0] = max(one[0], 1), max(other[0], 1)

    there, back, same = (
        stability(a, b, n_trained=100, n_seen=100).psi for a, b in ((one, other), (other, one), (one, one))
    )

    assert there >= 0
    assert math.isclose(there, back, rel_tol=1e-9, abs_tol=1e-12)
    assert same == 0


def test_the_index_is_that_of_the_formula():
    trained, seen = np.array([600, 400, 0, 0]), np.array([300, 690, 10, 0])

    found = stability(trained, seen, n_trained=1000, n_seen=500)

    e = (trained + 0.5) / 1001.5
    a = (seen + 0.5) / 1001.5
    assert found.psi == pytest.approx(sum((a - e) * np.log(a / e)))
    assert found.by_chance == pytest.approx(2 * (1 / 1000 + 1 / 500))


def test_without_a_row_of_the_log_nothing_is_said():
    found = stability(np.array([5, 5, 0]), np.array([0, 0, 0]), n_trained=10, n_seen=0)

    assert math.isnan(found.psi)
    assert found.grade == Grade.TOO_FEW
    assert not found.passes(0.0)


@pytest.mark.parametrize(
    ("psi", "by_chance", "limit", "grade"),
    [
        (0.05, 0.01, 0.04, Grade.STABLE),
        (0.30, 0.25, 0.50, Grade.TOO_FEW),
        (0.12, 0.03, 0.06, Grade.STABLE),
        (0.15, 0.03, 0.06, Grade.WATCH),
        (0.27, 0.03, 0.06, Grade.WATCH),
        (0.30, 0.03, 0.06, Grade.DRIFT),
        (2.00, 0.50, 0.90, Grade.DRIFT),
    ],
)
def test_a_shift_counts_from_the_bounds_on_and_beyond_chance_alone(psi, by_chance, limit, grade):
    assert Stability(psi=psi, by_chance=by_chance, limit=limit).grade == grade


@pytest.mark.parametrize(
    ("missing", "grade"),
    [
        (0, Grade.STABLE),
        (80, Grade.STABLE),
        (110, Grade.WATCH),
        (300, Grade.DRIFT),
        (1_000, Grade.DRIFT),
    ],
)
def test_values_that_go_missing_move_an_input_by_their_share(missing: int, grade: Grade):
    known = (1_000 - missing) // 2
    trained, seen = np.array([500, 500, 0]), np.array([known, known, missing])

    found = stability(trained, seen, n_trained=1_000, n_seen=500)

    assert found.missing_change == pytest.approx(missing / 1_000)
    assert found.grade == grade
    assert math.isnan(found.psi) == (missing == 1_000)


def test_a_change_of_the_missing_share_that_chance_makes_is_none():
    found = stability(np.array([450, 450, 100]), np.array([10, 7, 5]), n_trained=1_000, n_seen=22)

    assert found.missing_change > 0.1
    assert not found.passes(0.1)


def grades(rng: np.random.Generator, shift: float, n_seen: int, n_inputs: int) -> list[Stability]:
    """Of inputs that are normal, skewed, small counts, or missing now and then; the log's are moved by deviations."""
    trained, seen = (_inputs(rng, n, n_inputs) for n in (3_000, n_seen))
    seen += shift * np.nanstd(trained, axis=0)
    names = tuple(f"input {place}" for place in range(n_inputs))
    known = InputDistributions.of(names, trained, 3_000)
    counts = count_bins(bin_places(seen, known.edges))
    bins = [[*range(known.n_bins[place]), N_BINS] for place in range(n_inputs)]
    return [
        stability(known.counts[place][kept], counts[place][kept], n_trained=3_000, n_seen=n_seen)
        for place, kept in enumerate(bins)
    ]


def _inputs(rng: np.random.Generator, n: int, n_inputs: int) -> np.ndarray:
    rows = rng.normal(size=(n, n_inputs))
    rows[:, 1::4] = np.exp(rows[:, 1::4])
    rows[:, 2::4] = rng.poisson(0.4, size=rows[:, 2::4].shape)
    rows[:, 3::4][rng.random(rows[:, 3::4].shape) < 0.2] = np.nan
    return rows


def test_500_decisions_without_a_shift_raise_no_alarm_and_half_a_deviation_is_seen():
    """No alarm of 1,000 inputs that did not move: each is beyond chance about once in 10,000 times, seldom by 0.1 (seed 3).

    Half a deviation of a normal input, a fifth of it missing, has an index of about 0.19 ± 0.04: missed once in 40 times.
    """
    rng = np.random.default_rng(3)

    still = grades(rng, 0.0, 500, 1_000)
    moved = [each for place, each in enumerate(grades(rng, 0.5, 500, 200)) if place % 4 != 2]

    assert {each.grade for each in still} == {Grade.STABLE}
    assert np.mean([each.grade in (Grade.WATCH, Grade.DRIFT) for each in moved]) > 0.95
    psi = np.array([each.psi for each in still])
    by_chance = np.array([each.by_chance for each in still])
    assert psi.mean() / by_chance.mean() == pytest.approx(1.0, abs=0.05)


def test_fewer_customers_than_can_tell_are_said_to_be_too_few_unless_the_shift_is_huge():
    rng = np.random.default_rng(4)

    still = grades(rng, 0.0, 60, 200)
    moved = [each for place, each in enumerate(grades(rng, 3.0, 60, 200)) if place % 4 != 2]

    assert {each.grade for place, each in enumerate(still) if place % 4 != 2} == {Grade.TOO_FEW}
    assert {each.grade for each in moved} == {Grade.DRIFT}
