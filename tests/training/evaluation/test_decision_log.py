from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluation.decision_log import RECORD_KEYS, read_records
from training.evaluation.errors import LogError, TooFewRoundsError

ACTIONS = ("none", "10", "20")


def record(**changes):
    return {
        "decision_id": "d1",
        "group": "decisioning",
        "context": {"recency_days": 3.0, "frequency": None, "unused": 9.0},
        "action": "10",
        "propensity": 0.6,
        "eligible": ["none", "10"],
        "reward": 12_000,
    } | changes


def read(*records, **changes):
    return read_records(
        records, **{"input_names": ("recency_days", "frequency"), "action_names": ACTIONS} | changes
    )


def test_records_become_logged_feedback_in_their_order():
    log = read(record(), record(decision_id="d2", group="random", action="none", reward=0, propensity=0.5))

    assert log.feedback.actions.tolist() == [1, 0]
    assert log.feedback.rewards.tolist() == [12_000, 0]
    assert log.feedback.propensities.tolist() == [0.6, 0.5]
    assert log.feedback.eligible.tolist() == [[True, True, False]] * 2
    assert log.feedback.contexts[0, 0] == 3.0
    assert math.isnan(log.feedback.contexts[0, 1])


def test_pending_decisions_and_other_groups_are_counted_not_zeroed():
    log = read(record(), record(reward=None), record(group="holdout"), record(group="business_as_usual"))

    assert log.feedback.n_rounds == 1
    assert log.n_pending == 1
    assert log.n_other_group == {"holdout": 1, "business_as_usual": 1}


def test_a_log_without_a_resolved_decision_is_refused():
    with pytest.raises(TooFewRoundsError, match="1 pending"):
        read(record(reward=None))


@pytest.mark.parametrize("key", RECORD_KEYS)
def test_a_record_that_lacks_a_key_is_refused_naming_it(key):
    short = {name: value for name, value in record().items() if name != key}

    with pytest.raises(LogError, match=key):
        read(short)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": "99"}, "record d1 has the action '99'"),
        ({"eligible": ["10", "99"]}, "record d1 has the action '99'"),
        ({"action": "20"}, "one of the round's eligible actions"),
        ({"propensity": 0.0}, r"in \(0, 1\]"),
        ({"propensity": "much"}, "record d1 has propensity 'much'"),
        ({"reward": float("nan")}, "a finite number"),
        ({"context": {"recency_days": 1.0}}, r"record d1 lacks the inputs \['frequency'\]"),
        ({"context": {"recency_days": "soon", "frequency": 1}}, "record d1 has recency_days 'soon'"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused_with_what_was_found(change, message):
    with pytest.raises(LogError, match=message):
        read(record(**change))


def test_a_log_read_back_is_judged_like_any_other():
    rng = np.random.default_rng(0)
    records = [record(decision_id=f"d{i}", reward=float(rng.normal(100)), propensity=0.5) for i in range(50)]

    assert read(*records).feedback.rewards.mean() == pytest.approx(100, abs=1)
