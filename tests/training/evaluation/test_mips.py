"""MIPS in a world of sixty actions of four kinds, in which the kind alone sets the reward."""

from __future__ import annotations

import numpy as np
import pytest

from models.feedback import LoggedFeedback
from tests.training.evaluation.in_memory import evaluate_policy
from training.evaluation.errors import EvaluationError, PolicyError
from training.evaluation.ips import IPS
from training.evaluation.mips import MIPS
from training.evaluation.rounds import evaluate_rounds, weigh_kinds

N_ACTIONS, N_ROUNDS, N_LOGS = 60, 600, 200
KINDS = np.arange(N_ACTIONS) % 4
REWARDS = np.array([0.2, 1.0, 0.5, 0.8])


def distributions() -> tuple[np.ndarray, np.ndarray]:
    """A behaviour policy that likes low numbers and an evaluation policy that likes high ones and one kind."""
    low = np.exp(-np.arange(N_ACTIONS) / 15)
    high = np.exp(np.arange(N_ACTIONS) / 30) * np.where(KINDS == 1, 2.0, 1.0)
    return low / low.sum(), high / high.sum()


def log(seed: int) -> LoggedFeedback:
    rng, (behavior, _) = np.random.default_rng(seed), distributions()
    actions = rng.choice(N_ACTIONS, size=N_ROUNDS, p=behavior)
    return LoggedFeedback(
        contexts=np.ones((N_ROUNDS, 1)),
        actions=actions,
        rewards=REWARDS[KINDS[actions]] + rng.normal(scale=0.3, size=N_ROUNDS),
        propensities=behavior[actions],
        eligible=np.ones((N_ROUNDS, N_ACTIONS), dtype=np.bool_),
        input_names=("one",),
        action_names=tuple(str(action) for action in range(N_ACTIONS)),
    )


@pytest.fixture(scope="module")
def estimates():
    behavior, policy = (np.tile(each, (N_ROUNDS, 1)) for each in distributions())
    found = {"mips": [], "ips": []}
    for seed in range(N_LOGS):
        feedback = log(seed)
        plain = evaluate_rounds(feedback, policy, np.zeros(N_ROUNDS))
        rounds = type(plain)(
            **{**vars(plain), "kind_weights": weigh_kinds(feedback, policy, behavior, KINDS)}
        )
        for estimator in (MIPS(), IPS()):
            found[estimator.name].append(estimator.estimate(estimator.add_up(rounds)))
    return found


def test_where_the_kind_is_all_that_matters_mips_is_right_and_much_more_precise_than_ips(estimates):
    """The mean of 200 errors leaves 4 standard errors with probability 6e-5, coverage its band with probability 0.003."""
    truth = float(distributions()[1] @ REWARDS[KINDS])

    errors = np.array([one.value - truth for one in estimates["mips"]])
    covered = np.mean([one.low <= truth <= one.high for one in estimates["mips"]])

    assert abs(errors.mean()) <= 4 * errors.std(ddof=1) / np.sqrt(N_LOGS)
    assert 0.90 <= covered <= 0.99
    spread = np.std([one.value for one in estimates["ips"]])
    assert errors.std() < 0.25 * spread


def test_kinds_of_one_action_each_give_the_plain_weights():
    feedback = log(0)
    behavior, policy = (np.tile(each, (N_ROUNDS, 1)) for each in distributions())

    weights = weigh_kinds(feedback, policy, behavior, np.arange(N_ACTIONS))

    assert weights == pytest.approx(evaluate_rounds(feedback, policy, np.zeros(N_ROUNDS)).weights)


def test_mips_is_reported_where_the_log_has_kinds_with_its_condition_in_the_row():
    feedback = log(1)
    behavior, policy = (np.tile(each, (N_ROUNDS, 1)) for each in distributions())

    found = evaluate_policy(feedback, policy, kinds=KINDS, behavior=behavior)

    assert [one.caveat for one in found.estimates if one.estimator == "mips"] == [MIPS().caveat]


def test_kinds_that_do_not_fit_are_refused():
    feedback = log(2)
    behavior, policy = (np.tile(each, (N_ROUNDS, 1)) for each in distributions())

    with pytest.raises(PolicyError, match="kinds has shape"):
        weigh_kinds(feedback, policy, behavior, np.arange(3))
    with pytest.raises(PolicyError, match="no chance"):
        weigh_kinds(feedback, policy, np.zeros_like(behavior), KINDS)
    with pytest.raises(EvaluationError, match="no weights of kinds"):
        MIPS().add_up(evaluate_rounds(feedback, policy, np.zeros(N_ROUNDS)))
