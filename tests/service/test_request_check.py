"""What a request may name and force, checked whatever becomes of the decision."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import inspect, select

from service.access.scope import Scope
from service.decision_point import DecisionPoint
from service.record import DecisionRecord
from service.store.tables import decisions, metadata, rewards
from service.verify import Verification
from tests.service.access.callers import bearer, give_key
from tests.service.conftest import Worker, stored_customer
from tests.service.test_verify import run_verify

WHEEL = {"customer_id": "c1", "journey": "lucky_wheel"}
FORCED = {"channel": "sms", "coupon": "30000"}


def held_out(points: dict[str, DecisionPoint]) -> dict[str, DecisionPoint]:
    content = {**points["lucky_wheel"].model_dump(), "shares": {"holdout": 0.99}}
    return {"lucky_wheel": DecisionPoint.model_validate(content)}


def rows_by_table(worker: Worker) -> dict[str, int]:
    with worker.state.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        assert set(names) >= {table.name for table in metadata.tables.values()}
        return {
            name: len(connection.execute(select(metadata.tables[name])).all()) for name in metadata.tables
        }


@pytest.mark.parametrize(
    "fields",
    [
        {"eligible": {"coupon": ["25000"]}},
        {"excluded": {"coupon": ["none", "25000"]}},
        {"baseline": {"coupon": "25000"}},
        {"force": {"coupon": "25000"}},
    ],
)
def test_an_unknown_action_is_refused_even_where_the_decision_is_never_reached(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint], fields: dict[str, object]
) -> None:
    worker = make_worker(points={**points, **held_out(points)})
    body = {
        **WHEEL,
        "customer_id": "nobody",
        **fields,
    }  # without consent, and in the hold-out: no coupon is reached

    response = worker.client.post("/v1/decide", json=body)

    assert response.status_code == 422
    assert "25000" in response.json()["detail"]
    assert next(iter(fields)) in response.json()["detail"]


@pytest.mark.parametrize("field", ["baseline", "force"])
def test_a_decision_that_is_not_made_can_have_no_baseline_and_cannot_be_forced(
    worker: Worker, field: str
) -> None:
    body = {**WHEEL, "decide": ["channel"], field: {"coupon": "none"}}

    response = worker.client.post("/v1/decide", json=body)

    assert response.status_code == 422
    assert "coupon" in response.json()["detail"]


def test_when_time_runs_out_the_baseline_is_answered_with_status_fallback(worker: Worker) -> None:
    answer = worker.decide(
        customer_id="c1",
        journey="churn_prevention",
        decide=["channel", "coupon"],
        baseline={"channel": "email", "coupon": "none"},
        timeout_ms=0,
    )

    assert answer["status"] == "fallback"
    assert (answer["channel"], answer["coupon"]) == ("email", None)


@pytest.mark.parametrize("decide", [["coupon"], ["channel"], []])
def test_a_deadline_that_has_passed_suppresses_whatever_is_decided(worker: Worker, decide: list[str]) -> None:
    answer = worker.decide(customer_id="c1", decide=decide, deadline_at="2026-11-22T09:29:59Z")

    assert answer["status"] == "suppressed"
    assert answer["coupon"] is None
    assert [reason["rule"] for reason in answer["reasons"]] == ["deadline"]


def test_a_forced_action_is_taken_and_the_rest_decided_around_it(worker: Worker) -> None:
    answers = [worker.decide(customer_id="c1", dry_run=True, force=FORCED) for _ in range(10)]

    assert {(a["status"], a["channel"], a["coupon"]["amount"]) for a in answers} == {("act", "sms", 30000)}
    assert {answer["propensity"]["channel"] for answer in answers} == {1.0}


def test_no_constraint_gives_way_to_force(worker: Worker) -> None:
    worker.reader.customers["c2"] = stored_customer("c2", consent_sms=False)

    answer = worker.decide(customer_id="c2", dry_run=True, force={"channel": "sms"})

    assert answer["status"] == "suppressed"
    assert [reason["rule"] for reason in answer["reasons"]] == ["consent", "request_force"]


def test_force_does_not_reach_into_the_hold_out(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=held_out(points))
    worker.reader.customers["c1"] = stored_customer("c1")

    assert worker.decide(customer_id="c1", dry_run=True, force=FORCED)["status"] == "holdout"


def test_a_forced_decision_is_logged_without_rounds_never_learnt_and_comes_out_again(worker: Worker) -> None:
    known = worker.decide(customer_id="c1", journey="churn_prevention", force=FORCED)["decision_id"]
    fact = {"event_id": "e", "decision_id": known, "kind": "clicked", "occurred_at": "2026-11-22T10:00:00Z"}
    worker.client.post("/v1/outcomes", json={"outcomes": [fact]})
    worker.clock.advance(days=10)
    worker.learn()

    with worker.state.engine.connect() as connection:
        record = DecisionRecord.of_stored(connection.scalar(select(decisions.c.record)))
        assert connection.execute(select(rewards)).first() is None
    assert record.rounds == ()
    assert record.request.force == FORCED
    logged = worker.client.get(f"/v1/decisions/{known}").json()
    assert logged["rounds"] == []
    assert logged["answer"]["channel"] == "sms"
    assert run_verify(worker) == Verification(reenacted=1)


def test_only_an_admin_may_force_what_counts(worker: Worker) -> None:
    decider, admin = give_key(worker, Scope.DECIDE), give_key(worker, Scope.DECIDE, Scope.ADMIN)
    forced = {**WHEEL, "force": {"coupon": "30000"}}

    def status(body: dict[str, object], text: object) -> int:
        return worker.client.post("/v1/decide", json=body, headers=bearer(text)).status_code

    assert status(forced, decider) == 403
    assert status({**forced, "dry_run": True}, decider) == 200
    assert status(forced, admin) == 200
    lines = worker.client.post("/v1/decide/batch", json=[forced, WHEEL], headers=bearer(decider)).text
    assert [json.loads(line)["status"] for line in lines.splitlines()] == [403, 200]


def test_each_caller_has_idempotency_keys_of_its_own(worker: Worker) -> None:
    texts = [give_key(worker, Scope.DECIDE) for _ in range(2)]

    answers = [
        worker.client.post("/v1/decide", json=WHEEL, headers={**bearer(text), "Idempotency-Key": "k"})
        for text in (*texts, *texts)
    ]

    ids = [answer.json()["decision_id"] for answer in answers]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_a_dry_run_writes_nothing_at_all(worker: Worker) -> None:
    before = rows_by_table(worker)

    for journey in worker.state.rules:
        worker.decide(customer_id="c1", journey=journey, dry_run=True, activate="deferred")
        worker.decide(customer_id="c1", journey=journey, dry_run=True, explain="scores")

    assert rows_by_table(worker) == before
