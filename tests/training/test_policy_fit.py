"""Policies fitted on logged rounds: what they know is the rounds, and the same rounds give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from models.catalogue import load_policy
from models.context import Standardizer
from models.feedback import LoggedFeedback
from models.inputs import JOURNEY
from models.linear_thompson import LinearThompson
from models.uniform_random import UniformRandom
from training.drift.distribution import InputDistributions
from training.evaluation.log_chunk import LogChunk
from training.policy_fit import (
    KINDS,
    PolicyFitError,
    Recipe,
    Start,
    data_fingerprint,
    fit_kind,
    fitted_artifact,
    go_on,
    learned_until,
)
from training.round_facts import SAMPLED, fit_standardizer, read_facts

SLOW = pytest.mark.slow  # LightGBM
EVERY_KIND = [pytest.param(kind, marks=[SLOW] if kind == "boosted_square_cb" else []) for kind in KINDS]
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
N_ROUNDS = 3_000


def rounds(seed: int = 1) -> LoggedFeedback:
    """Uniform choices among three actions; the first input says which of the first two is clicked: 10 or 60 %."""
    rng = np.random.default_rng(seed)
    contexts, actions = rng.normal(size=(N_ROUNDS, 2)), rng.integers(0, 3, N_ROUNDS)
    good = np.where(contexts[:, 0] > 0, 0, 1)
    clicked = rng.random(N_ROUNDS) < np.where(actions == good, 0.6, 0.1)
    contexts[::50, 1] = np.nan
    return LoggedFeedback(
        contexts=contexts,
        actions=actions,
        rewards=clicked.astype(np.float64),
        propensities=np.full(N_ROUNDS, 1 / 3),
        eligible=np.ones((N_ROUNDS, 3), dtype=np.bool_),
        input_names=("first", "second"),
        action_names=("a", "b", "c"),
    )


@dataclass(frozen=True)
class Chunked:
    """Rounds in chunks of so many."""

    feedback: LoggedFeedback
    size: int

    def chunks(self) -> Iterator[LogChunk]:
        for begin in range(0, self.feedback.n_rounds, self.size):
            yield LogChunk(feedback=self.feedback.take(slice(begin, begin + self.size)))


def source(feedback: LoggedFeedback) -> Chunked:
    return Chunked(feedback, 701)


def linear(feedback: LoggedFeedback) -> LinearThompson:
    return LinearThompson(
        action_names=feedback.action_names,
        input_names=("second", "first"),
        standardizer=Standardizer(np.zeros(2), np.ones(2)),
        rate=0.1,
    )


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_learns_who_answers_what_keeps_the_floor_and_is_the_same_again(kind: str) -> None:
    recipe, feedback = Recipe(kind=kind, floor=0.01, seed=3), rounds()

    first, second = (
        fitted_artifact(
            fit_kind(recipe, source(feedback)), source(feedback), learned_until=UNTIL, facts={"seed": 3}
        )
        for _ in range(2)
    )

    assert first.to_bytes() == second.to_bytes()
    everything = np.ones(3, dtype=np.bool_)
    policy = load_policy(first)
    right, left = (policy.probabilities(np.array([x, 0.0]), everything) for x in (1.5, -1.5))
    assert right[0] > 0.85
    assert left[1] > 0.85
    assert min(right.min(), left.min()) >= 0.01 - 1e-12


def test_a_registered_policy_goes_on_as_the_learner_would_have_taken_it() -> None:
    feedback = rounds()
    before = linear(feedback)
    before.learn_many(np.array([[0.5, 0.5]]), np.array([2]), np.array([1.0]))
    expected = before.clone()
    expected.learn_many(feedback.contexts[:, ::-1], feedback.actions, feedback.rewards)

    fitted = go_on(Start(version="1", artifact=before.to_artifact()), source(feedback))

    assert fitted.to_artifact().digest == expected.to_artifact().digest


def test_a_fresh_start_keeps_the_prior_and_forgets_what_was_simulated() -> None:
    feedback = rounds()
    simulated, plain = linear(feedback), linear(feedback)
    simulated.learn_many(np.ones((50, 2)), np.full(50, 2), np.ones(50))
    plain.learn_many(feedback.contexts[:, ::-1], feedback.actions, feedback.rewards)

    fitted = go_on(Start(version="1", artifact=simulated.to_artifact(), fresh=True), source(feedback))

    assert fitted.to_artifact().digest == plain.to_artifact().digest


def test_the_manifest_says_what_was_learnt_and_until_when() -> None:
    feedback = rounds()
    policy = fit_kind(Recipe(kind="lin_ucb", floor=0.02), source(feedback))

    manifest = fitted_artifact(
        policy, source(feedback), learned_until=UNTIL, facts={"name": "channel_policy"}
    ).manifest

    assert manifest["kind"] == "lin_ucb"
    assert manifest["name"] == "channel_policy"
    assert manifest["n_rounds"] == N_ROUNDS
    assert learned_until(manifest) == UNTIL
    assert (
        manifest["data_fingerprint"]
        == data_fingerprint(source(rounds()))
        != data_fingerprint(source(rounds(seed=2)))
    )
    assert learned_until({"learned_until": None}) is None


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_how_the_log_is_cut_into_chunks_changes_nothing_but_the_last_digits(kind: str) -> None:
    """Neither the fingerprint nor what is learnt; mean and spread of the inputs are sums of sums."""
    recipe, feedback = Recipe(kind=kind, floor=0.02), rounds()
    cuts = [Chunked(feedback, size) for size in (701, N_ROUNDS)]

    fitted = [fitted_artifact(fit_kind(recipe, each), each, learned_until=UNTIL, facts={}) for each in cuts]

    one, other = fitted
    assert InputDistributions.read(one).names == feedback.input_names
    assert InputDistributions.read(one).n_rows == min(N_ROUNDS, SAMPLED)
    assert one.manifest["data_fingerprint"] == other.manifest["data_fingerprint"]
    assert one.manifest["n_rounds"] == other.manifest["n_rounds"] == N_ROUNDS
    assert one.texts == other.texts
    for name, array in one.arrays.items():
        np.testing.assert_allclose(array, other.arrays[name], rtol=1e-9, atol=1e-12)


def test_the_scaling_found_chunk_by_chunk_is_that_of_all_rounds_together() -> None:
    feedback = rounds()
    whole = Standardizer.fit(feedback.contexts)

    found, facts = fit_standardizer(source(feedback), 2), read_facts(source(feedback))

    np.testing.assert_allclose(found.center, whole.center, rtol=1e-12)
    np.testing.assert_allclose(found.scale, whole.scale, rtol=1e-12)
    assert (facts.lowest_reward, facts.highest_reward) == (0.0, 1.0)
    assert facts.mean_reward == pytest.approx(feedback.rewards.mean(), rel=1e-12)
    assert facts.reward_variance == pytest.approx(feedback.rewards.var(), rel=1e-12)


def test_what_cannot_be_fitted_is_an_error_that_says_why() -> None:
    feedback = rounds()
    spend = LoggedFeedback(**{**vars(feedback), "rewards": feedback.rewards * 30 - 2})
    flat = LoggedFeedback(**{**vars(feedback), "rewards": np.zeros(N_ROUNDS)})
    others = LoggedFeedback(**{**vars(feedback), "action_names": ("a", "b", "d")})
    fewer = LoggedFeedback(**{**vars(feedback), "input_names": ("first", "third")})
    start = Start(version="1", artifact=linear(feedback).to_artifact())
    still = Start(version="1", artifact=UniformRandom(action_names=("a", "b", "c")).to_artifact())

    for message, attempt in {
        r"3,000 of 3,000 rewards lie outside of 0 to 1.* from -2 to 28; give --reward-range": lambda: (
            fit_kind(Recipe(kind="logistic_thompson", floor=0.02), source(spend))
        ),
        "all 3,000 rewards are 0: nothing to fit": lambda: fit_kind(
            Recipe(kind="boosted_square_cb", floor=0.02), source(flat)
        ),
        "no kind 'best'; wanted one of linear_thompson": lambda: fit_kind(
            Recipe(kind="best", floor=0.02), source(feedback)
        ),
        r"among \['a', 'b', 'c'\], the log among \['a', 'b', 'd'\]": lambda: go_on(start, source(others)),
        r"\['second'\]; the log holds \['first', 'third'\]": lambda: go_on(start, source(fewer)),
        "of kind uniform_random learns nothing": lambda: go_on(still, source(feedback)),
    }.items():
        with pytest.raises(PolicyFitError, match=message):
            attempt()


def test_a_logistic_policy_learns_rewards_of_the_range_it_is_given() -> None:
    feedback = rounds()
    spend = LoggedFeedback(**{**vars(feedback), "rewards": feedback.rewards * 30 - 2})

    policy = fit_kind(Recipe(kind="logistic_thompson", floor=0.02, reward_range=(-2.0, 28.0)), source(spend))

    assert policy.probabilities(np.array([1.5, 0.0]), np.ones(3, dtype=np.bool_))[0] > 0.85


@pytest.mark.parametrize("kind", ["linear_thompson", "logistic_thompson"])
def test_a_regression_does_not_weigh_the_number_of_a_journey(kind: str) -> None:
    feedback = replace(rounds(), input_names=(JOURNEY, "second"))

    policy = fit_kind(Recipe(kind=kind, floor=0.01), source(feedback))

    assert policy.input_names == ("second",)
