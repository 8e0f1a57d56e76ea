"""The rules over the linear model, each against its formula written plainly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtr

from models.context import Standardizer
from models.epsilon_greedy import EpsilonGreedy
from models.lin_ucb import LinUCB
from models.linear_policy import LinearPolicy
from models.linear_thompson import LinearThompson
from models.quadrature import thompson_probabilities
from models.square_cb import SquareCB

K, D = 4, 3
EVERYTHING = np.ones(K, dtype=np.bool_)
SIZES = np.array([[0.0], [0.1], [0.5], [1.0]])
RULES = (EpsilonGreedy, LinUCB, LinearThompson, SquareCB)


def learnt(rule: type[LinearPolicy], **parts: object) -> LinearPolicy:
    policy = rule(
        action_names=tuple("abcd"),
        input_names=("u", "v", "w"),
        standardizer=Standardizer(np.zeros(D), np.ones(D)),
        **{"floor": 0.0, **parts},
    )
    rng = np.random.default_rng(3)
    contexts, actions = rng.normal(size=(200, D)), rng.integers(0, K, 200)
    policy.learn_many(contexts, actions, contexts[:, 0] * actions / K + rng.normal(size=200))
    return policy


def moments(policy: LinearPolicy, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of each action's rounds, written out from the sums."""
    design, sums = np.concatenate([[1.0], x]), policy.statistics
    mean, scale = np.zeros(K), np.zeros(K)
    for a in range(K):
        precision = np.eye(D + 1) + sums.xx[a]
        theta = np.linalg.solve(precision, sums.rx[a])
        noise = (1.0 + (sums.rr[a] - theta @ sums.rx[a]) / 2) / (2.0 + sums.count[a] / 2 - 1)
        mean[a] = design @ theta
        scale[a] = np.sqrt(noise * design @ np.linalg.solve(precision, design))
    return mean, scale


X = np.array([0.5, -1.0, 2.0])


def test_thompson_sampling_integrates_the_posteriors() -> None:
    policy = learnt(LinearThompson)

    assert policy.probabilities(X, EVERYTHING) == pytest.approx(
        thompson_probabilities(*moments(policy, X)), abs=1e-9
    )


def student_probabilities(mean: np.ndarray, scale: np.ndarray, freedom: float) -> np.ndarray:
    """P_k = ∫ f_k Π_{j≠k} F_j of Student t's with these means and standard deviations, on a long grid."""
    spread = scale * np.sqrt((freedom - 2) / freedom)
    u = np.linspace(-9, 9, 4_001)
    z = (mean.mean() + spread.min() * np.sinh(u)[:, None] - mean) / spread
    below = stdtr(freedom, z)
    density = (1 + z * z / freedom) ** (-(freedom + 1) / 2) / spread * np.cosh(u)[:, None]
    others = np.stack([np.prod(np.delete(below, k, axis=1), axis=1) for k in range(len(mean))], axis=1)
    won = (density * others).sum(axis=0)
    return np.asarray(won / won.sum())


@pytest.mark.parametrize(("n_rounds", "allowed"), [(0, 0.08), (10, 0.015), (100, 1.5e-3), (1_000, 1.5e-4)])
def test_the_normal_is_as_near_to_the_student_t_as_the_docstring_says(n_rounds: int, allowed: float) -> None:
    rng = np.random.default_rng(6)

    for closeness in (0.3, 1.0, 3.0) * 4:
        scale = np.exp(rng.normal(0, 0.5, 5))
        mean = rng.normal(size=5) * scale.mean() * closeness
        wanted = student_probabilities(mean, scale, 2 * (2.0 + n_rounds / 2))
        assert np.abs(thompson_probabilities(mean, scale) - wanted).max() <= allowed


def test_wider_posteriors_explore_more() -> None:
    calm, usual, eager = (
        learnt(LinearThompson, exploration=v).probabilities(X, EVERYTHING) for v in (0.0, 1.0, 9.0)
    )

    assert calm.max() == pytest.approx(1.0)
    assert calm.max() > usual.max() > eager.max()


def test_lin_ucb_takes_the_highest_bound() -> None:
    policy = learnt(LinUCB, exploration=2.0, floor=0.01)
    mean, scale = moments(policy, X)

    found = policy.probabilities(X, EVERYTHING)

    assert int(np.argmax(found)) == int(np.argmax(mean + 2 * scale))
    assert np.sort(found)[:3] == pytest.approx([0.01] * 3)


def test_lin_ucb_that_knows_nothing_is_uniform() -> None:
    policy = learnt(LinUCB)
    policy.discount(0.0)

    assert policy.probabilities(X, EVERYTHING) == pytest.approx(np.full(K, 1 / K))


def test_epsilon_greedy_gives_epsilon_to_all_alike() -> None:
    policy = learnt(EpsilonGreedy, exploration=0.2)
    best = int(np.argmax(moments(policy, X)[0]))

    found = policy.probabilities(X, EVERYTHING)

    assert found == pytest.approx(0.2 / K + 0.8 * (np.arange(K) == best))


def test_square_cb_grows_greedier_with_rounds_and_does_not_mind_the_rewards_unit() -> None:
    few, many = learnt(SquareCB), learnt(SquareCB)
    many.statistics = many.statistics.scaled(100.0)
    priced = learnt(SquareCB, rate=1e6)
    scaled = few.statistics.scaled(1.0)
    scaled.rx[:] *= 1e3
    scaled.rr[:] *= 1e6
    priced.statistics = scaled

    found = few.probabilities(X, EVERYTHING)

    assert many.probabilities(X, EVERYTHING).max() > found.max()
    assert priced.probabilities(X, EVERYTHING) == pytest.approx(found)


@pytest.mark.parametrize("rule", RULES)
def test_a_shared_policy_lends_what_it_learnt_to_an_action_like_it(rule: type[LinearPolicy]) -> None:
    policy = rule(
        action_names=tuple("abcd"),
        input_names=("u", "v", "w"),
        standardizer=Standardizer(np.zeros(D), np.ones(D)),
        action_features=SIZES,
    )
    contexts = np.random.default_rng(4).normal(size=(300, D))
    actions = np.arange(300) % 3  # never the last

    policy.learn_many(contexts, actions, 2 * SIZES[actions, 0])

    mean, _ = policy.expected_rewards(X)
    assert mean == pytest.approx(2 * SIZES[:, 0], abs=0.2)
    assert int(np.argmax(policy.probabilities(X, EVERYTHING))) == 3


def test_draws_of_a_shared_posterior_choose_as_often_as_a_long_run_of_fresh_ones() -> None:
    """512 fixed draws: within 4·√(p(1-p)/512) of 200,000 others, which fails by chance for one action with 1e-4."""
    policy = learnt(LinearThompson, action_features=SIZES)
    policy.discount(0.02)
    posterior = policy.belief.posterior
    rng = np.random.default_rng(5)
    covariance = posterior.noise_variance[0] * posterior.inverse[0]
    thetas = rng.multivariate_normal(posterior.mean[0], covariance, size=200_000)
    design = np.concatenate([[1.0], X])
    features = np.array([np.concatenate([design, size * design]) for size in SIZES[:, 0]])

    wanted = np.bincount(np.argmax(thetas @ features.T, axis=1), minlength=K) / 200_000

    found = policy.probabilities(X, EVERYTHING)
    assert (np.abs(found - wanted) <= 4 * np.sqrt(wanted * (1 - wanted) / 512) + 1e-3).all()
