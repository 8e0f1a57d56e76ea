"""`POST /v1/outcomes` and `GET /v1/decisions/{id}`."""

from __future__ import annotations

import json

import pytest

from tests.service.conftest import Worker


def outcome(
    decision_id: object, event_id: str = "e1", kind: str = "clicked", **fields: object
) -> dict[str, object]:
    return {
        "event_id": event_id,
        "decision_id": decision_id,
        "kind": kind,
        "occurred_at": "2026-11-22T10:00:00Z",
        **fields,
    }


def send(worker: Worker, *outcomes: dict[str, object]) -> list[int]:
    response = worker.client.post("/v1/outcomes", json={"outcomes": outcomes})
    assert response.status_code == 200, response.text
    return [result["status"] for result in response.json()["results"]]


def test_each_outcome_is_accepted_or_refused_on_its_own(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]

    statuses = send(
        worker, outcome(known, "e1"), outcome("no-such-decision", "e2"), outcome(known, "e3", "opened")
    )

    assert statuses == [202, 404, 202]


def test_a_malformed_item_spoils_no_other(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]
    items = [
        outcome(known, "e1"),
        {"event_id": "e2"},
        7,
        outcome(known, "e3", "exploded"),
        outcome(known, "e4"),
    ]

    answer = worker.client.post("/v1/outcomes", json={"outcomes": items}).json()

    assert [result["status"] for result in answer["results"]] == [202, 422, 422, 422, 202]
    assert [result["event_id"] for result in answer["results"]] == ["e1", "e2", None, "e3", "e4"]
    assert answer["accepted"] == 2
    text = worker.client.get("/metrics").text
    assert 'gardoon_outcomes_total{kind="malformed",status="422"} 3.0' in text


def test_outcomes_may_come_as_ndjson(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]
    lines = [json.dumps(outcome(known, f"e{n}")) for n in range(3)] + ["{"]

    response = worker.client.post(
        "/v1/outcomes", content="\n".join(lines), headers={"content-type": "application/x-ndjson"}
    )

    assert [result["status"] for result in response.json()["results"]] == [202, 202, 202, 422]


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"outcomes": []}', b'{"outcomes": 7}', b'{"outcomes": [{}], "more": 1}', b"\xff"]
)
def test_a_body_that_is_no_batch_of_outcomes_is_refused_as_a_whole(worker: Worker, body: bytes) -> None:
    response = worker.client.post("/v1/outcomes", content=body, headers={"content-type": "application/json"})

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def test_outcomes_are_taken_in_for_90_days_and_counted_after_that(worker: Worker) -> None:
    decided = worker.decide(customer_id="c1", decide=["coupon"])
    known = decided["decision_id"]
    worker.clock.advance(days=90)
    in_time = send(worker, outcome(known, "e1"))
    worker.clock.advance(seconds=1)
    late = send(worker, outcome(known, "e1"), outcome(known, "e2"))

    assert in_time == [202]
    assert late == [200, 410]
    assert len(worker.client.get(f"/v1/decisions/{known}").json()["outcomes"]) == 1
    text = worker.client.get("/metrics").text
    assert 'gardoon_outcomes_total{kind="clicked",status="410"} 1.0' in text


def test_outcomes_sent_again_under_their_key_get_the_same_bytes(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]
    headers = {"Idempotency-Key": "o1"}

    answers = [
        worker.client.post("/v1/outcomes", json={"outcomes": [outcome(known, event)]}, headers=headers)
        for event in ("e1", "e1", "e2")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert answers[0].content == answers[1].content


def test_sending_an_outcome_again_changes_nothing(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]

    statuses = [send(worker, outcome(known)) for _ in range(3)]

    assert statuses == [[202], [200], [200]]
    logged = worker.client.get(f"/v1/decisions/{known}").json()
    assert len(logged["outcomes"]) == 1


def test_an_event_id_used_for_another_fact_is_a_conflict(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]
    send(worker, outcome(known))

    assert send(worker, outcome(known, kind="opened")) == [409]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "purchased", "value": 250_000, "currency": "IRT"}, 202),
        ({"kind": "purchased", "value": 250_000}, 422),
        ({"kind": "purchased", "value": 250_000, "currency": "USD"}, 422),
        ({"kind": "clicked", "value": 5}, 422),
    ],
)
def test_amounts_name_the_shops_currency(worker: Worker, fields: dict[str, object], expected: int) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]

    assert send(worker, outcome(known, **fields)) == [expected]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e999", '"many"'])
def test_an_amount_that_is_no_amount_is_refused(worker: Worker, value: str) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]
    body = (
        f'{{"outcomes": [{{"event_id": "e", "decision_id": "{known}", "kind": "purchased", "value": {value},'
        ' "currency": "IRT", "occurred_at": "2026-11-22T10:00:00Z"}]}'
    )

    response = worker.client.post("/v1/outcomes", content=body, headers={"content-type": "application/json"})

    assert response.json()["accepted"] == 0
    assert response.json()["results"][0]["status"] == 422
    assert "value" in response.json()["results"][0]["detail"]


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "1999-12-31T00:00:00Z"]
)
def test_a_time_out_of_reach_is_refused(worker: Worker, at: str) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]

    response = worker.client.post("/v1/outcomes", json={"outcomes": [{**outcome(known), "occurred_at": at}]})

    (result,) = response.json()["results"]
    assert result["status"] == 422
    assert "occurred_at" in result["detail"]


def test_what_has_not_happened_yet_is_refused(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]

    assert send(worker, outcome(known, occurred_at="2026-11-23T10:00:00Z")) == [422]


def test_an_unknown_decision_is_a_404(worker: Worker) -> None:
    response = worker.client.get("/v1/decisions/nothing")

    assert response.status_code == 404
    assert "nothing" in response.json()["detail"]


def test_a_logged_decision_shows_rounds_and_outcomes(worker: Worker) -> None:
    answer = worker.decide(customer_id="c1")
    send(worker, outcome(answer["decision_id"], kind="delivered"))

    logged = worker.client.get(f"/v1/decisions/{answer['decision_id']}").json()

    assert logged["answer"] == answer
    assert [round_["decision"] for round_ in logged["rounds"]] == ["channel", "send_time", "coupon"]
    assert [outcome["kind"] for outcome in logged["outcomes"]] == ["delivered"]


def test_score_answers_without_logging(worker: Worker) -> None:
    response = worker.client.post("/v1/score", json={"customer_id": "c1"})

    assert response.status_code == 200
    assert response.json()["scores"]["purchase_propensity"] == pytest.approx(0.25)


def test_metrics_count_decisions_and_outcomes(worker: Worker) -> None:
    known = worker.decide(customer_id="c1", journey="cross_sell")["decision_id"]
    send(worker, outcome(known))

    text = worker.client.get("/metrics").text

    assert 'gardoon_decisions_total{group="decisioning",journey="cross_sell",status="act"} 1.0' in text
    assert 'gardoon_outcomes_total{kind="clicked",status="202"} 1.0' in text
