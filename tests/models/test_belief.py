"""What policies believe: a posterior that is carried along is the one computed from the sums."""

from __future__ import annotations

import numpy as np
import pytest

from models.belief import REINVERT_AFTER, Belief
from models.linear_statistics import LinearStatistics, NormalInverseGamma

D, K = 6, 3


def belief(**prior: float) -> Belief:
    parts = {"ridge": 1.0, "shape": 2.0, "rate": 1.0, **prior}
    return Belief(**parts, statistics=LinearStatistics.empty(K, D))


def rounds(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, D)) * 2, rng.integers(0, K, n), rng.normal(size=n) * 3 + 1


def carry(mine: Belief, n: int) -> None:
    _ = mine.posterior
    for x, k, reward in zip(*rounds(n), strict=True):
        mine.learn_one(x, int(k), float(reward))


@pytest.mark.parametrize("n", [1, 10, REINVERT_AFTER - 1, REINVERT_AFTER, 3 * REINVERT_AFTER + 7])
def test_a_posterior_carried_along_is_the_one_of_the_sums(n: int) -> None:
    mine = belief()

    carry(mine, n)

    wanted = NormalInverseGamma.of(mine.statistics, **mine.prior)
    for name, array in vars(wanted).items():
        np.testing.assert_allclose(vars(mine.posterior)[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


def test_rounding_does_not_pile_up_on_nearly_parallel_rounds() -> None:
    """5,000 rounds of one direction but for 1e-3, rewards near 100: Λ's condition number is above 1e6."""
    rng = np.random.default_rng(2)
    mine, direction = belief(), rng.normal(size=D)
    _ = mine.posterior

    for _ in range(5_000):
        mine.learn_one(direction * 3 + 1e-3 * rng.normal(size=D), 0, 100 + rng.normal())

    wanted = NormalInverseGamma.of(mine.statistics, **mine.prior)
    np.testing.assert_allclose(mine.posterior.mean[0], wanted.mean[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(mine.posterior.inverse[0], wanted.inverse[0], rtol=0, atol=1e-8)


def test_the_sums_that_were_handed_in_stay_as_they_were() -> None:
    given = LinearStatistics.empty(K, D)
    mine = Belief(ridge=1.0, shape=2.0, rate=1.0, statistics=given)

    carry(mine, 5)

    assert not any(array.any() for array in vars(given).values())


def test_every_way_to_change_the_sums_changes_the_version() -> None:
    mine = belief()
    versions = [mine.version]

    mine.learn(*rounds(3))
    versions.append(mine.version)
    mine.learn_one(np.ones(D), 0, 1.0)
    versions.append(mine.version)
    mine.unlearn(*rounds(3))
    versions.append(mine.version)
    mine.merge(belief())
    versions.append(mine.version)
    mine.discount(0.5)
    versions.append(mine.version)

    assert len(set(versions)) == len(versions)


def test_a_shard_of_another_prior_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a shard has the prior .*'ridge': 9.0"):
        belief().merge(belief(ridge=9.0))
