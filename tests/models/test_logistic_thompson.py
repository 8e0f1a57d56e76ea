"""Logistic Thompson sampling: how near the round-by-round normal is to the posterior, and what taking back does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from models.context import Standardizer
from models.logistic_sites import LogisticSites, _mode
from models.logistic_thompson import LogisticThompson

K, D = 3, 2
EVERYTHING = np.ones(K, dtype=np.bool_)


def fresh(**parts: object) -> LogisticThompson:
    return LogisticThompson(
        action_names=tuple("abc"),
        input_names=("u", "v"),
        standardizer=Standardizer(np.zeros(D), np.ones(D)),
        **{"base_share": 0.05, **parts},
    )


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


TRUTH = np.array([[-3.0, 0.5, 0.0], [-2.5, -0.5, 0.3], [-3.5, 0.0, 0.8]])


def clicks(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rounds of a world of rare clicks, 2 to 15 %."""
    rng = np.random.default_rng(seed)
    contexts, actions = rng.normal(size=(n, D)), rng.integers(0, K, n)
    logits = TRUTH[actions, 0] + (contexts * TRUTH[actions, 1:]).sum(axis=1)
    return contexts, actions, (rng.random(n) < sigmoid(logits)).astype(np.float64)


def batch_mode(
    policy: LogisticThompson, rounds: tuple[np.ndarray, ...], action: int
) -> tuple[np.ndarray, np.ndarray]:
    """The true posterior mode and the curvature there, by Newton's method on all rounds at once."""
    contexts, actions, rewards = rounds
    x, y = policy.standardizer.design(contexts[actions == action]), rewards[actions == action]
    theta, offset = np.zeros(D + 1), policy.sites.offset
    for _ in range(50):
        p = sigmoid(offset + x @ theta)
        precision = np.eye(D + 1) + (x * (p * (1 - p))[:, None]).T @ x
        theta = theta + np.linalg.solve(precision, x.T @ (y - p) - theta)
    return theta, precision


@pytest.mark.parametrize("n", [300, 3_000])
def test_the_online_posterior_is_near_the_laplace_approximation_of_all_rounds_at_once(n: int) -> None:
    """Modes within one posterior standard deviation, widths within 20 %, on rare clicks."""
    policy, rounds = fresh(), clicks(n)

    policy.learn_many(*rounds)

    for a in range(K):
        mode, precision = batch_mode(policy, rounds, a)
        widths = np.sqrt(np.diag(np.linalg.inv(precision)))
        assert (np.abs(policy.sites.mean[a] - mode) < widths).all()
        assert np.sqrt(np.diag(policy.sites.inverse[a])) == pytest.approx(widths, rel=0.2)


def test_expected_rewards_come_to_the_worlds_rates() -> None:
    """20,000 rounds: rates of 2 to 15 % known to 0.02, four standard errors at the sparsest."""
    policy = fresh()
    policy.learn_many(*clicks(20_000))

    for x in np.array([[0.0, 0.0], [1.0, -1.0], [-1.0, 0.5]]):
        wanted = sigmoid(TRUTH @ np.concatenate([[1.0], x]))
        assert policy.expected_rewards(x) == pytest.approx(wanted, abs=0.02)


def test_taking_back_the_last_round_is_exact_and_an_older_one_nearly() -> None:
    policy, without, rounds = fresh(), fresh(), clicks(400)
    policy.learn_many(*(column[:399] for column in rounds))
    before = policy.sites.mean.copy(), policy.sites.inverse.copy()

    policy.learn_many(*(column[399:] for column in rounds))
    policy.unlearn_many(*(column[399:] for column in rounds))

    np.testing.assert_allclose(policy.sites.mean, before[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(policy.sites.inverse, before[1], rtol=0, atol=1e-9)
    policy.unlearn_many(*(column[:40] for column in rounds))
    without.learn_many(*(column[40:399] for column in rounds))
    widths = np.sqrt(np.einsum("kii->ki", without.sites.inverse))
    assert (np.abs(policy.sites.mean - without.sites.mean) < 0.5 * widths).all()


def test_taking_back_what_was_never_learnt_leaves_a_proper_posterior() -> None:
    policy, rounds = fresh(), clicks(50)
    policy.learn_many(*(column[:5] for column in rounds))

    policy.unlearn_many(*rounds)

    assert (np.linalg.eigvalsh(policy.sites.inverse) > 0).all()
    assert policy.probabilities(np.zeros(D), EVERYTHING).sum() == pytest.approx(1.0)


def test_a_reward_between_the_bounds_is_a_share_of_a_success() -> None:
    tenths, whole = fresh(low=-1.0, high=4.0), fresh()
    contexts, actions, rewards = clicks(200)

    tenths.learn_many(contexts, actions, -1 + 5 * rewards)
    whole.learn_many(contexts, actions, rewards)

    assert tenths.probabilities(np.ones(D), EVERYTHING) == pytest.approx(
        whole.probabilities(np.ones(D), EVERYTHING)
    )
    assert tenths.expected_rewards(np.ones(D)) == pytest.approx(-1 + 5 * whole.expected_rewards(np.ones(D)))


@pytest.mark.parametrize("reward", [-0.01, 1.01, 30.0])
def test_a_reward_outside_of_the_bounds_is_refused(reward: float) -> None:
    with pytest.raises(ValueError, match=r"a reward is .*; wanted 0.0 to 1.0"):
        fresh().learn_one(np.zeros(D), 0, reward)


@pytest.mark.parametrize("base_share", [0.0, 1.0, float("nan")])
def test_a_base_share_that_is_certain_is_refused(base_share: float) -> None:
    with pytest.raises(ValueError, match="base_share is"):
        fresh(base_share=base_share)


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted the first below the second"):
        fresh(low=1.0, high=0.0)


def test_shards_of_another_prior_or_other_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="ridge"):
        fresh().merge(fresh(ridge=2.0))
    with pytest.raises(ValueError, match="a shard's rewards lie in"):
        fresh().merge(fresh(high=2.0))


@pytest.mark.parametrize("logit", [-30.0, -2.0, 0.0, 5.0, 40.0])
@pytest.mark.parametrize("variance", [1e-6, 1.0, 25.0, 1e4])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_mode_solves_its_equation(logit: float, variance: float, share: float) -> None:
    def excess(eta: float) -> float:
        return eta - logit - variance * (share - float(sigmoid(np.float64(max(min(eta, 700), -700)))))

    wanted = brentq(excess, logit - variance - 1, logit + variance + 1, xtol=1e-12)

    assert _mode(logit, variance, share) == pytest.approx(wanted, abs=1e-8)


def test_sites_that_were_handed_in_stay_as_they_were() -> None:
    sites = LogisticSites.empty(K, D + 1, ridge=1.0, offset=0.0)
    copy = LogisticSites(ridge=1.0, offset=0.0, **sites.arrays())

    copy.add(np.ones(D + 1), 0, 1.0)

    assert not sites.curvature.any()
