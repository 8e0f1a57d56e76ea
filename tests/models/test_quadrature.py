"""Choice probabilities of Thompson sampling against a long reference.

The reference is adaptive (QUADPACK) to an absolute error of 1e-11, told where every posterior's step lies.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr

from models.quadrature import MOST_NODES, REACH, STEP, thompson_probabilities, thompson_probabilities_many

ALLOWED = 1e-5


def reference(mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """P_k = ∫ φ(z) Π_{j≠k} Φ((m_k + s_k·z - m_j)/s_j) dz."""
    return np.array([_reference_of(k, mean, scale) for k in range(len(mean))])


def _reference_of(k: int, mean: np.ndarray, scale: np.ndarray) -> float:
    others = np.delete(np.arange(len(mean)), k)

    def integrand(z: float) -> float:
        above = ndtr((mean[k] + scale[k] * z - mean[others]) / scale[others])
        return float(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) * np.prod(above))

    steps = (mean[others] + scale[others] * np.linspace(-8, 8, 9)[:, None] - mean[k]) / scale[k]
    inside = np.sort(steps[np.abs(steps) < 10].ravel())
    edges = np.unique(np.concatenate([np.linspace(-10, 10, 9), inside]))
    pieces = pairwise(edges)
    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-10, limit=200)[0] for a, b in pieces)


def draw_posteriors(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two to six posteriors whose widths differ by up to 1e4, at distances of the order of any of them."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 7))
    scale = 10 ** rng.uniform(-4, 0, k)
    return rng.choice(scale, k) * rng.normal(size=k) * 2, scale


@pytest.mark.parametrize("seed", range(40))
def test_probabilities_are_right_to_1e_5_when_widths_differ_by_10_000(seed: int) -> None:
    mean, scale = draw_posteriors(seed)

    found = thompson_probabilities(mean, scale)

    assert np.abs(found - reference(mean, scale)).max() <= ALLOWED


@pytest.mark.parametrize("ratio", [1.0, 3.0, 8.0])
@pytest.mark.parametrize("k", [2, 5, 10, 24])
def test_the_trapezoid_rule_is_right_to_1e_5_up_to_24_posteriors_of_similar_width(
    ratio: float, k: int
) -> None:
    rng = np.random.default_rng(k)
    scale = ratio ** rng.uniform(0, 1, k)
    mean = rng.normal(size=k) * scale.mean()
    assert (np.ptp(mean) + 2 * REACH * scale.max()) / (STEP * scale.min()) < 2 * MOST_NODES

    found = thompson_probabilities(mean, scale)

    assert np.abs(found - reference(mean, scale)).max() <= ALLOWED


def test_many_rounds_get_what_each_gets_alone_whatever_rule_they_need() -> None:
    rng = np.random.default_rng(7)
    scale = 10 ** rng.uniform(-4 * rng.random((300, 1)), 0, (300, 5))
    mean = rng.normal(size=(300, 5)) * rng.choice(scale.ravel(), (300, 1))
    mean[::7, 1:4] = -np.inf
    mean[::50, 1:] = -np.inf

    found = thompson_probabilities_many(mean, scale)

    alone = [thompson_probabilities(m, s) for m, s in zip(mean, scale, strict=True)]
    np.testing.assert_allclose(found, alone, rtol=0, atol=1e-12)
    assert (found[np.isinf(mean)] == 0).all()
    assert (found[::50, 0] == 1).all()


@pytest.mark.parametrize("narrow", [1.0, 1e-4])
def test_an_action_that_cannot_win_leaves_the_others_as_if_it_were_not_there(narrow: float) -> None:
    mean, scale = np.array([0.1, -np.inf, 0.0]), np.array([narrow, narrow, 1.0])

    found = thompson_probabilities(mean, scale)

    assert found[[0, 2]] == pytest.approx(thompson_probabilities(mean[[0, 2]], scale[[0, 2]]), abs=1e-9)
    assert found[1] == 0


@pytest.mark.parametrize("ratio", [1.0, 10.0, 1e2, 1e3, 1e4])
@pytest.mark.parametrize("distance", [0.0, 0.3, 1.0, 3.0])
def test_two_posteriors_follow_the_closed_form(ratio: float, distance: float) -> None:
    """P(A > B) = Φ((m_A - m_B)/√(s_A² + s_B²))."""
    mean, scale = np.array([distance, 0.0]), np.array([1.0, 1 / ratio])

    found = thompson_probabilities(mean, scale)

    assert found[0] == pytest.approx(ndtr(distance / np.hypot(*scale)), abs=ALLOWED)


@pytest.mark.parametrize("k", [1, 2, 5, 24])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_equal_posteriors_share_evenly(k: int, scale: float) -> None:
    found = thompson_probabilities(np.full(k, 3.0), np.full(k, scale))

    assert found == pytest.approx(np.full(k, 1 / k), abs=1e-9)


def test_a_posterior_far_above_the_others_takes_all() -> None:
    found = thompson_probabilities(np.array([0.0, 100.0, -5.0]), np.array([1.0, 1.0, 2.0]))

    assert found == pytest.approx([0, 1, 0], abs=1e-12)


@pytest.mark.parametrize("origin", [1.0, 1e6, -1e12])
def test_widths_far_below_the_means_are_not_lost_in_rounding(origin: float) -> None:
    mean, scale = np.array([origin, origin - 1.0, origin]), np.array([1e-15, 1e-16, 1e-15])

    found = [thompson_probabilities(mean, scale), thompson_probabilities_many(mean[None], scale[None])[0]]

    assert found[0] == pytest.approx([0.5, 0, 0.5], abs=1e-9)
    assert found[1] == pytest.approx([0.5, 0, 0.5], abs=1e-9)


POSTERIORS = st.integers(2, 6).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-50, 50), min_size=k, max_size=k),
        st.lists(st.floats(1e-3, 10), min_size=k, max_size=k),
    )
)


@given(POSTERIORS)
def test_probabilities_are_a_distribution(posteriors: tuple[list[float], list[float]]) -> None:
    found = thompson_probabilities(*map(np.array, posteriors))

    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1.0)


@settings(max_examples=50)
@given(POSTERIORS, st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.randoms(use_true_random=False))
def test_unit_origin_and_order_of_the_actions_do_not_matter(
    posteriors: tuple[list[float], list[float]], unit: float, origin: float, random: object
) -> None:
    mean, scale = map(np.array, posteriors)
    order = np.array(random.sample(range(len(mean)), len(mean)))

    found = thompson_probabilities(mean, scale)

    assert thompson_probabilities(mean[order], scale[order]) == pytest.approx(found[order], abs=1e-9)
    assert thompson_probabilities(unit * mean + origin, unit * scale) == pytest.approx(found, abs=1e-6)


@settings(max_examples=50)
@given(POSTERIORS, st.floats(0.01, 5))
def test_a_higher_mean_never_makes_an_action_less_probable(
    posteriors: tuple[list[float], list[float]], more: float
) -> None:
    mean, scale = map(np.array, posteriors)
    raised = mean.copy()
    raised[0] += more

    before, after = (thompson_probabilities(each, scale)[0] for each in (mean, raised))

    assert after >= before - ALLOWED


def test_the_posteriors_are_left_as_they_were() -> None:
    mean, scale = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    for array in (mean, scale):
        array.flags.writeable = False

    assert thompson_probabilities(mean, scale).shape == (2,)
