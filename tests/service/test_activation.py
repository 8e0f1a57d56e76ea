"""Deferred decisions: what is never activated never was; what is activated counts like any other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from service.decision_point import DecisionPoint
from tests.service.conftest import Worker, stored_customer
from tests.service.test_learner import rewards_of
from tests.service.test_ledger import ONE_A_WEEK, with_coupon, with_rules
from tests.service.test_outcomes import outcome, send

DEFERRED = {"customer_id": "c1", "journey": "churn_prevention", "activate": "deferred"}
CHANNEL = {"decide": ["channel"]}


def activate(worker: Worker, decision_id: object) -> tuple[int, dict[str, object]]:
    response = worker.client.post(f"/v1/decisions/{decision_id}/activate")
    return response.status_code, response.json()


@pytest.fixture
def capped(make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]) -> Worker:
    worker = make_worker(points=with_rules(points, "churn_prevention", caps=ONE_A_WEEK))
    worker.reader.customers["c1"] = stored_customer("c1")
    return worker


def test_what_is_never_activated_is_no_zero(worker: Worker) -> None:
    decided = worker.decide(**DEFERRED)
    send(worker, outcome(decided["decision_id"], kind="delivered"))
    worker.clock.advance(hours=200)

    worker.learn()

    assert {state for state, _ in rewards_of(worker.state.engine).values()} == {"void"}


def test_what_is_activated_is_learnt_like_any_other(worker: Worker) -> None:
    decided = worker.decide(**DEFERRED, **CHANNEL)
    send(worker, outcome(decided["decision_id"], kind="delivered"))
    worker.learn()
    before = rewards_of(worker.state.engine)

    status, activation = activate(worker, decided["decision_id"])
    worker.clock.advance(hours=1)
    worker.learn()

    assert status == 200
    assert activation["activated_at"] == worker.clock().replace(hour=9).isoformat().replace("+00:00", "Z")
    assert before == {}
    assert rewards_of(worker.state.engine)["channel"][0] == "open"


def test_its_place_under_a_cap_is_held_while_it_waits_and_free_when_it_waited_too_long(
    capped: Worker,
) -> None:
    waiting = capped.decide(**DEFERRED, **CHANNEL)
    beside = capped.decide(customer_id="c1", journey="churn_prevention", **CHANNEL)
    capped.clock.advance(minutes=61)

    after = capped.decide(customer_id="c1", journey="churn_prevention", **CHANNEL)
    status, problem = activate(capped, waiting["decision_id"])

    assert [beside["status"], after["status"]] == ["suppressed", "act"]
    assert status == 410
    assert "free again" in str(problem["detail"])


def test_an_activated_message_keeps_its_place(capped: Worker) -> None:
    activate(capped, capped.decide(**DEFERRED, **CHANNEL)["decision_id"])
    capped.clock.advance(minutes=61)

    assert capped.decide(customer_id="c1", journey="churn_prevention", **CHANNEL)["status"] == "suppressed"


def test_a_draw_that_is_never_activated_may_be_made_again(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    worker.reader.customers["c1"] = stored_customer("c1")
    asked = {"customer_id": "c1", "journey": "lucky_wheel", "decide": ["coupon"], "activate": "deferred"}
    first = worker.decide(**asked)
    again = worker.decide(**asked)
    worker.clock.advance(minutes=61)

    anew = worker.decide(**asked)

    assert first["propensity"]["coupon"]
    assert "coupon" not in again["propensity"]
    assert anew["propensity"]["coupon"]


def test_activating_twice_or_what_was_not_deferred_changes_nothing(worker: Worker) -> None:
    deferred, at_once = worker.decide(**DEFERRED), worker.decide(customer_id="c1")
    first = activate(worker, deferred["decision_id"])
    worker.clock.advance(minutes=5)

    assert activate(worker, deferred["decision_id"]) == first
    assert activate(worker, at_once["decision_id"])[1]["activated_at"] == at_once["decided_at"]
    assert activate(worker, "nothing")[0] == 404


def test_activating_a_repeated_draw_puts_the_one_that_drew_into_effect(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    worker.reader.customers["c1"] = stored_customer("c1")
    asked = {"customer_id": "c1", "journey": "lucky_wheel", "decide": ["coupon"], "activate": "deferred"}
    first = worker.decide(**asked, excluded={"coupon": ["none"]})
    again = worker.decide(**asked)

    status, _ = activate(worker, again["decision_id"])
    redeemed = worker.client.post(
        "/v1/coupons/redeem", json={"code": again["coupon"]["code"], "order_id": "o1"}
    )

    assert again["coupon"] == first["coupon"]
    assert (status, redeemed.status_code) == (200, 200)


def test_every_attempt_is_counted_by_what_became_of_it(worker: Worker) -> None:
    first, late = (worker.decide(**DEFERRED)["decision_id"] for _ in range(2))
    for asked in (first, first, worker.decide(customer_id="c1")["decision_id"], "nothing"):
        activate(worker, asked)
    worker.clock.advance(hours=2)
    activate(worker, late)

    shown = worker.client.get("/metrics").text

    found = dict(re.findall(r'gardoon_activations_total{result="(\w+)"} (\S+)', shown))
    assert found == {"activated": "1.0", "repeated": "2.0", "unknown": "1.0", "expired": "1.0"}
