from __future__ import annotations

import numpy as np
import pytest

from models.feedback import LoggedFeedback
from training.evaluation.errors import EvaluationError
from training.evaluation.log_chunk import LogChunk
from training.evaluation.opened_log import OneChunk
from training.evaluation.round_labels import RoundLabels
from training.evaluation.slices import Slice, refuse_unmet, segments_of

LABELS = RoundLabels(
    texts={
        "journey": np.array(["cart_reminder", "wheel", "wheel", "cart_reminder"]),
        "group": np.array(["random", "random", "decisioning", "decisioning"]),
        "segment:champions": np.array(["in", "out", "unknown", "in"]),
    }
)


@pytest.fixture
def feedback() -> LoggedFeedback:
    return LoggedFeedback(
        contexts=np.array([[0.2], [0.5], [np.nan], [0.9]]),
        actions=np.zeros(4, dtype=np.int64),
        rewards=np.zeros(4),
        propensities=np.ones(4),
        eligible=np.ones((4, 1), dtype=np.bool_),
        input_names=("churn_risk",),
        action_names=("email",),
    )


@pytest.mark.parametrize(
    ("name", "rounds"),
    [
        ("journey=cart_reminder", [True, False, False, True]),
        ("group = random", [True, True, False, False]),
        ("churn_risk>=0.5", [False, True, False, True]),
        ("churn_risk<5e-1", [True, False, False, False]),
        ("journey=wheel and churn_risk>=0.5", [False, True, False, False]),
        ("journey=wheel and group=decisioning and churn_risk>0", [False] * 4),
        ("segment:champions", [True, False, False, True]),
        ("segment:champions=out", [False, True, False, False]),
        ("segment:champions and churn_risk>0.5", [False, False, False, True]),
    ],
)
def test_a_slice_holds_the_rounds_for_which_all_its_conditions_hold(name, rounds, feedback):
    assert Slice.parse(name).rounds(feedback, LABELS).tolist() == rounds


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("journey=weel", r"slice journey=weel: no such round; there are .*cart_reminder.*wheel"),
        ("segment:loyal", "no input or label segment:loyal"),
        ("journey>wheel", "a label can only be compared by ="),
        ("churn_risk=high", "'high' is no number"),
        ("age>3", r"no input or label age; it has \['journey', 'group', 'segment:champions', 'churn_risk'\]"),
        ("journey=wheel and", "no such round"),
        ("cheap ones", "wanted INPUT>=NUMBER"),
    ],
)
def test_a_slice_that_cannot_be_is_an_error_that_says_what_there_is(name, message, feedback):
    with pytest.raises(EvaluationError, match=message):
        look(name, feedback)


def look(name: str, feedback: LoggedFeedback) -> None:
    """As a gate does that found no round in the slice."""
    cut = Slice.parse(name)
    assert not cut.rounds(feedback, LABELS).any()
    refuse_unmet(OneChunk(chunk=LogChunk(feedback=feedback, labels=LABELS)), [cut])


def test_slices_say_which_segments_they_ask_for():
    names = [
        "segment:champions and churn_risk>0.5",
        "journey=wheel",
        "segment:loyal=out",
        "segment:champions",
    ]

    assert segments_of(names) == ("champions", "loyal")
    assert Slice.parse("segment:champions").name == "segment:champions=in"
