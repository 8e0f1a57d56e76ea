"""Inverse gap weighting of a reward model that is fitted in batches."""

from __future__ import annotations

import numpy as np
import pytest

from models.artifact import ArtifactError
from models.boosted_square_cb import BoostedSquareCB
from models.feedback import LoggedFeedback
from models.gap import inverse_gap

ACTIONS, INPUTS = ("none", "small", "large"), ("recency_days", "churn_risk")
EVERYTHING = np.ones((1, 3), dtype=np.bool_)


class KnownRewards:
    """A reward model that needs no fitting: the first input times the action's number."""

    text = "known"

    def expected_rewards(self, contexts: np.ndarray) -> np.ndarray:
        return contexts[:, :1] * np.arange(3)


def log(n: int = 4_000) -> LoggedFeedback:
    """A world in which the large one pays above a churn risk of 0.5, and nothing below."""
    rng = np.random.default_rng(1)
    contexts = np.column_stack([rng.integers(0, 100, n).astype(np.float64), rng.random(n)])
    contexts[rng.random(n) < 0.1, 0] = np.nan
    actions = rng.integers(0, 3, n)
    rewards = actions * np.where(contexts[:, 1] > 0.5, 1.0, -1.0) + rng.normal(size=n) * 0.5
    return LoggedFeedback(
        contexts=contexts,
        actions=actions,
        rewards=rewards,
        propensities=np.full(n, 1 / 3),
        eligible=np.ones((n, 3), dtype=np.bool_),
        input_names=INPUTS,
        action_names=ACTIONS,
    )


def test_probabilities_are_the_inverse_gaps_of_the_predictions_with_a_floor() -> None:
    policy = BoostedSquareCB(
        action_names=ACTIONS, input_names=INPUTS, rewards=KnownRewards(), gamma=4.0, floor=0.1
    )

    found = policy.probabilities(np.array([2.0, 0.0]), EVERYTHING[0])

    gaps = inverse_gap(np.array([[0.0, 2.0, 4.0]]), EVERYTHING, 4.0)[0]
    assert found == pytest.approx(0.1 + 0.7 * gaps)


@pytest.mark.parametrize("gamma", [-1.0, float("nan")])
def test_a_gamma_below_zero_is_refused(gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma is"):
        BoostedSquareCB(action_names=ACTIONS, input_names=INPUTS, rewards=KnownRewards(), gamma=gamma)


@pytest.mark.slow
def test_trees_fitted_on_a_log_choose_what_pays_where_it_pays() -> None:
    from models.scorer import fit_boosted_rewards

    policy = BoostedSquareCB(
        action_names=ACTIONS, input_names=INPUTS, rewards=fit_boosted_rewards(log(), seed=1), gamma=100.0
    )

    risky, safe, unknown = (
        policy.probabilities(np.array(x), EVERYTHING[0]) for x in ([30.0, 0.9], [30.0, 0.1], [np.nan, 0.9])
    )

    assert int(np.argmax(risky)) == int(np.argmax(unknown)) == 2
    assert int(np.argmax(safe)) == 0
    assert policy.rewards.expected_rewards(np.array([[30.0, 0.9]]))[0] == pytest.approx([0, 1, 2], abs=0.3)


@pytest.mark.slow
def test_the_same_log_and_seed_give_the_same_trees() -> None:
    from models.scorer import fit_boosted_rewards

    first, second = (fit_boosted_rewards(log(), seed=1, n_trees=20).text for _ in range(2))

    assert first == second


@pytest.mark.slow
def test_trees_of_other_inputs_are_refused() -> None:
    from models.scorer import fit_boosted_rewards, load_boosted_rewards

    text = fit_boosted_rewards(log(), seed=1, n_trees=2).text

    with pytest.raises(ArtifactError, match=r"the trees know \['recency_days', 'churn_risk', 'action'\]"):
        load_boosted_rewards(text, ("churn_risk", "recency_days"), 3)
