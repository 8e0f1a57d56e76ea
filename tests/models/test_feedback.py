"""Logged feedback refuses what contradicts itself, naming the field and the first round at fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.feedback import FeedbackError, LoggedFeedback


def four_rounds() -> LoggedFeedback:
    return LoggedFeedback(
        contexts=np.array([[1.0, np.nan], [2.0, 0.0], [3.0, 1.0], [4.0, 2.0]]),
        actions=np.array([0, 1, 2, 1]),
        rewards=np.array([0.0, 1.0, -2.5, 0.5]),
        propensities=np.array([0.2, 1.0, 0.5, 1e-9]),
        eligible=np.array([[True, True, True]] * 3 + [[False, True, False]]),
        input_names=("recency_days", "churn_risk"),
        action_names=("none", "10000", "20000"),
    )


def test_feedback_counts_its_rounds_and_actions_and_keeps_unknown_inputs() -> None:
    feedback = four_rounds()

    assert (feedback.n_rounds, feedback.n_actions) == (4, 3)
    assert np.isnan(feedback.contexts[0, 1])


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("contexts", np.zeros((4, 3)), r"contexts has shape \(4, 3\); wanted \(4, 2\)"),
        ("rewards", np.zeros(3), r"rewards has shape \(3,\); wanted \(4,\)"),
        ("propensities", np.ones((4, 1)), r"propensities has shape \(4, 1\); wanted \(4,\)"),
        ("eligible", np.ones((4, 2), dtype=bool), r"eligible has shape \(4, 2\); wanted \(4, 3\)"),
        (
            "rewards",
            np.array([0, 0, np.nan, np.inf]),
            r"rewards: round 2 has nan, wanted a finite number \(2",
        ),
        (
            "propensities",
            np.array([0.2, 0.0, 0.5, 0.1]),
            r"propensities: round 1 has 0.0, wanted in \(0, 1\]",
        ),
        ("propensities", np.array([0.2, 0.3, 1.1, 0.1]), r"propensities: round 2 has 1.1"),
        ("propensities", np.array([np.nan, 0.3, 0.1, 0.1]), r"propensities: round 0 has nan"),
        ("propensities", np.array([0.2, -0.3, 0.1, 0.1]), r"propensities: round 1 has -0.3"),
        ("actions", np.array([0, 1, 3, 1]), r"actions: round 2 has 3, wanted 0 to 2 \(1 rounds so\)"),
        ("actions", np.array([0, -1, 2, 1]), r"actions: round 1 has -1, wanted 0 to 2"),
        ("actions", np.array([0, 1, 2, 0]), r"actions: round 3 has 0, wanted one of the round's eligible"),
    ],
)
def test_a_contradiction_is_refused_naming_field_and_round(
    field: str, values: np.ndarray, message: str
) -> None:
    with pytest.raises(FeedbackError, match=message):
        replace(four_rounds(), **{field: values})


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])])
def test_taking_rounds_takes_every_column_and_keeps_the_names(rows: slice | np.ndarray) -> None:
    feedback = four_rounds()

    taken = feedback.take(rows)

    assert taken.rewards.tolist() == [1.0, -2.5]
    assert taken.actions.tolist() == [1, 2]
    assert taken.propensities.tolist() == [1.0, 0.5]
    assert taken.contexts.tolist() == [[2.0, 0.0], [3.0, 1.0]]
    assert taken.eligible.shape == (2, 3)
    assert taken.action_names == feedback.action_names


def test_no_rounds_are_feedback_too() -> None:
    assert four_rounds().take(slice(0, 0)).n_rounds == 0
