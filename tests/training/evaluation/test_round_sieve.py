from __future__ import annotations

import json
import math

import pytest

from tests.training.evaluation.in_memory import WholeLog, collect_rounds
from training.evaluation.errors import LogError, TooFewRoundsError
from training.evaluation.round_buffer import LogRow, RewardRule

HOUR = 3_600_000_000
ROUND = {
    "decision": "coupon",
    "inputs": ["recency_days", "churn_risk"],
    "context": [3.0, None],
    "actions": ["none", "10000", "20000"],
    "eligible": [True, True, False],
    "probabilities": [0.4, 0.6, 0.0],
    "action": 1,
    "propensity": 0.6,
}


def record(*rounds: dict[str, object]) -> bytes:
    return json.dumps({"versions": {"journey": "r1"}, "rounds": rounds}).encode()


def row(**changes: object) -> LogRow:
    values: dict[str, object] = {
        "decision_id": "d1",
        "journey": "wheel",
        "decided_at_us": 0,
        "status": "act",
        "group": "decisioning",
        "record": record(ROUND),
        "state": "resolved",
        "reward": 12.5,
    }
    return LogRow(**values | changes)


def collect(*rows: LogRow, scanned_until_us: int = 100 * HOUR) -> WholeLog:
    rules = {"r1": RewardRule(kind="click", closes_after_hours=48)}
    return collect_rounds(rows, decision="coupon", rules=rules, scanned_until_us=scanned_until_us)


def test_rows_become_logged_feedback_in_their_order_unknown_inputs_as_nan():
    second = ROUND | {"context": [0.5, 0.1], "action": 0, "propensity": 0.4}

    log = collect(row(), row(decision_id="d2", group="random", record=record(second), reward=-1.0))

    feedback = log.feedback
    assert feedback.input_names == ("recency_days", "churn_risk")
    assert feedback.action_names == ("none", "10000", "20000")
    assert feedback.actions.tolist() == [1, 0]
    assert feedback.rewards.tolist() == [12.5, -1.0]
    assert feedback.propensities.tolist() == [0.6, 0.4]
    assert feedback.eligible.tolist() == [[True, True, False]] * 2
    assert log.probabilities.tolist() == [[0.4, 0.6, 0.0]] * 2
    assert math.isnan(feedback.contexts[0, 1])
    assert feedback.contexts[1].tolist() == [0.5, 0.1]


def test_what_carries_no_known_reward_is_counted_by_reason_and_never_a_zero():
    log = collect(
        row(),
        row(group="holdout", status="holdout", record=record()),
        row(status="suppressed"),
        row(state="void", reward=0.0),
        row(state=None, reward=None),
        row(state="pending", reward=0.0),
        row(record=record(ROUND | {"decision": "channel"})),
    )

    assert log.feedback.n_rounds == 1
    assert log.n_left_out == {
        "group holdout": 1,
        "suppressed": 1,
        "not delivered, or not known to be": 1,
        "without a reward from the learner": 2,
        "not asked for this choice": 1,
    }


def test_rounds_not_delivered_have_no_reward_but_tell_how_actions_were_chosen():
    log = collect(row(), row(state="void", reward=None), row(group="holdout", state="void"))

    assert log.feedback.n_rounds == 1
    assert log.undelivered.feedback.n_rounds == 1
    assert log.undelivered.feedback.propensities.tolist() == [0.6]
    assert log.undelivered.labels.texts["journey"].tolist() == ["wheel"]
    assert log.n_left_out["not delivered, or not known to be"] == 1
    with pytest.raises(TooFewRoundsError, match="no coupon round"):
        collect(row(state="void"))


def test_a_success_that_came_early_waits_until_failures_can_be_known_too():
    late = row(decision_id="d2", decided_at_us=60 * HOUR)

    before, after = (collect(row(), late, scanned_until_us=hours * HOUR) for hours in (108, 109))

    assert before.feedback.n_rounds == 1
    assert before.n_left_out == {"with the reward window perhaps still open": 1}
    assert after.feedback.n_rounds == 2


def test_of_rounds_with_different_inputs_the_most_frequent_kind_is_judged():
    other = record(ROUND | {"inputs": ["recency_days"], "context": [1.0]})

    log = collect(row(record=other), row(), row())

    assert log.feedback.input_names == ("recency_days", "churn_risk")
    assert log.feedback.n_rounds == 2
    assert log.n_left_out == {"made from other inputs or actions": 1}


def test_a_log_without_a_round_to_judge_by_is_refused_saying_what_was_left_out():
    with pytest.raises(TooFewRoundsError, match="suppressed"):
        collect(row(status="suppressed"))


def test_rounds_are_counted_by_journey_and_kind_of_reward():
    log = collect(row(), row(journey="cart"), row(journey="cart"))

    assert log.n_by_journey == {("wheel", "click"): 1, ("cart", "click"): 2}


def test_each_round_keeps_its_journey_its_group_and_its_time():
    log = collect(row(), row(journey="cart", group="random", decided_at_us=HOUR), row(status="suppressed"))

    assert log.labels.texts["journey"].tolist() == ["wheel", "cart"]
    assert log.labels.texts["group"].tolist() == ["decisioning", "random"]
    assert log.labels.decided_at_us.tolist() == [0, HOUR]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": [1.0]}, "context has 1 values; wanted 2"),
        ({"context": ["soon", 1.0]}, "decision d1 has a round that cannot be read"),
        ({"eligible": [True]}, "eligible has 1 values; wanted 3"),
        ({"probabilities": [0.5, 0.5]}, "probabilities has 2 values; wanted 3"),
        ({"action": 7}, "action 7 is not among the eligible ones"),
        ({"action": 2, "propensity": 0.0}, "action 2 is not among the eligible ones"),
        ({"propensity": 0.5}, "propensity is 0.5; wanted its action's probability, 0.6"),
        ({"propensity": 0.0, "probabilities": [1.0, 0.0, 0.0]}, r"in \(0, 1\]"),
    ],
)
def test_a_round_that_contradicts_itself_is_refused_with_what_was_found(change, message):
    with pytest.raises(LogError, match=message):
        collect(row(record=record(ROUND | change)))


@pytest.mark.parametrize("reward", [None, float("nan")])
def test_a_resolved_reward_that_is_no_number_is_refused(reward):
    with pytest.raises(LogError, match="wanted a finite number"):
        collect(row(reward=reward))


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"rounds": []}', b'{"versions": {"journey": "r1"}}'])
def test_a_record_that_is_none_is_refused_naming_the_decision(content):
    with pytest.raises(LogError, match="decision d1 has a record that cannot be read"):
        collect(row(record=content))


def test_a_record_of_unknown_rules_is_refused_naming_them():
    content = json.dumps({"versions": {"journey": "r9"}, "rounds": [ROUND]}).encode()

    with pytest.raises(LogError, match=r"rules 'r9' of wheel; there are \['r1'\]"):
        collect(row(record=content))
