"""The features of send times: those of one customer, which decisions ask for, are those of many."""

from __future__ import annotations

import numpy as np
import pytest

from models.send_time import HOURS, SendTimeThompson

RNG = np.random.default_rng(7)
POPULATION = RNG.dirichlet(np.ones(HOURS))


@pytest.mark.parametrize("hour", [0.0, 9.0, 23.0, 9.25, np.nan])
@pytest.mark.parametrize("unknown", [0, 1, HOURS])
def test_one_customers_features_are_those_among_many_to_the_bit(hour: float, unknown: int) -> None:
    policy = SendTimeThompson(population=POPULATION)
    own = np.where(np.arange(HOURS) < unknown, np.nan, RNG.dirichlet(np.ones(HOURS)))
    context = np.concatenate([[hour], own])

    alone = policy.action_features(context[None])
    among_many = policy.action_features(np.stack([context, RNG.random(HOURS + 1)]))

    assert alone.tobytes() == among_many[:1].tobytes()


def test_the_features_of_one_customer_are_nobody_elses() -> None:
    policy = SendTimeThompson(population=POPULATION)
    context = np.concatenate([[9.0], POPULATION])
    before = policy.action_features(context[None]).copy()

    policy.action_features(context[None])[:] = 17.0

    assert policy.action_features(context[None]).tobytes() == before.tobytes()
