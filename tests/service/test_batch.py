"""`POST /v1/decide/batch`: many decisions in one call, each accepted or refused by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import event, func, select

from service.access.guard import ANYONE
from service.batch import PURPOSE
from service.idempotency import make_claim
from service.store.key_log import keep_result
from service.store.tables import decisions
from tests.service.conftest import Worker

WHEEL = {"customer_id": "c1", "journey": "cross_sell"}


def lines(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def send(worker: Worker, items: list[Any], **headers: str) -> list[dict[str, Any]]:
    return lines(worker.client.post("/v1/decide/batch", json=items, headers=headers))


def logged(worker: Worker) -> int:
    with worker.state.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(decisions)) or 0


def test_each_item_is_answered_in_order_and_one_bad_one_spoils_no_other(worker: Worker) -> None:
    items = [
        WHEEL,
        {**WHEEL, "journey": "lucky_weel"},
        {**WHEEL, "chanel": "sms"},
        "no object",
        {**WHEEL, "customer_id": "c2"},
    ]

    answered = send(worker, items)

    assert [line["index"] for line in answered] == [0, 1, 2, 3, 4]
    assert [line["status"] for line in answered] == [200, 404, 422, 422, 200]
    assert answered[0]["answer"]["customer_id"] == "c1"
    assert "lucky_weel" in answered[1]["problem"]["detail"]
    assert answered[2]["problem"]["errors"][0]["field"] == "chanel"
    assert logged(worker) == 2


def test_lines_of_ndjson_are_items_and_a_broken_line_is_refused_alone(worker: Worker) -> None:
    good = json.dumps(WHEEL).encode()
    body = b"\n".join([good, b"", b'{"customer_id": ', b"\xff", good])

    response = worker.client.post(
        "/v1/decide/batch", content=body, headers={"content-type": "application/x-ndjson; charset=utf-8"}
    )

    assert [line["status"] for line in lines(response)] == [200, 422, 422, 200]


def test_a_thousand_decisions_share_commits(worker: Worker) -> None:
    answered = send(worker, [{**WHEEL, "customer_id": f"customer {n}"} for n in range(1000)])

    assert {line["status"] for line in answered} == {200}
    assert [line["answer"]["customer_id"] for line in answered] == [f"customer {n}" for n in range(1000)]
    assert logged(worker) == 1000
    flushes = worker.state.metrics.registry.get_sample_value("gardoon_log_flush_seconds_count")
    assert flushes is not None
    assert flushes <= 900  # one after the other, each would need its own


def test_an_items_key_makes_its_retry_the_same_whether_alone_or_in_a_batch(worker: Worker) -> None:
    item = {**WHEEL, "idempotency_key": "k1"}

    first = send(worker, [item, {**WHEEL, "customer_id": "c2"}])[0]["answer"]
    again = send(worker, [{**WHEEL, "customer_id": "c3"}, item])[1]["answer"]
    alone = worker.client.post("/v1/decide", json=WHEEL, headers={"Idempotency-Key": "k1"}).json()

    assert first == again == alone
    assert logged(worker) == 3


def test_the_same_key_twice_in_a_batch_is_one_decision_and_with_another_body_refused(worker: Worker) -> None:
    item = {**WHEEL, "idempotency_key": "k1"}

    answered = send(worker, [item, item, {**item, "customer_id": "c2"}, item])

    assert [line["status"] for line in answered] == [200, 200, 422, 200]
    assert answered[0]["answer"] == answered[1]["answer"] == answered[3]["answer"]
    assert logged(worker) == 1


def test_a_batch_sent_again_under_its_key_gets_the_same_bytes(worker: Worker) -> None:
    items = [{**WHEEL, "customer_id": f"c{n}"} for n in range(5)]

    responses = [
        worker.client.post("/v1/decide/batch", json=items, headers={"Idempotency-Key": "b1"})
        for _ in range(2)
    ]

    assert responses[0].content == responses[1].content
    assert logged(worker) == 5


def test_the_keys_of_a_batch_are_looked_up_together(worker: Worker) -> None:
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    event.listen(worker.state.engine, "before_cursor_execute", note)
    answered = send(
        worker, [{**WHEEL, "customer_id": f"c{n}", "idempotency_key": f"k{n}"} for n in range(50)]
    )

    assert {line["status"] for line in answered} == {200}
    assert sum("FROM idempotency_keys" in statement for statement in asked) == 1


def test_a_key_that_is_taken_after_the_batch_was_read_gets_what_it_stands_for(worker: Worker) -> None:
    claim = make_claim(worker.state, ANYONE, "k1", PURPOSE, WHEEL)

    def take_it(count: int) -> bytes:
        keep_result(worker.state.engine, claim, b'{"first": true}')
        return bytes(count)

    object.__setattr__(worker.state, "randomness", take_it)  # asked for the decision's id

    (line,) = send(worker, [{**WHEEL, "idempotency_key": "k1"}])

    assert line == {"index": 0, "status": 200, "answer": {"first": True}}
    assert logged(worker) == 0


def test_dry_runs_write_nothing(worker: Worker) -> None:
    answered = send(worker, [{**WHEEL, "dry_run": True, "idempotency_key": "k"}] * 3)

    assert [line["status"] for line in answered] == [200, 200, 200]
    assert logged(worker) == 0


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"[]", "0 items"),
        (b"{}", "array"),
        (b'"text"', "array"),
        (b"[" + b"[" * 9000, "JSON"),
        (json.dumps([{}] * 1001).encode(), "1001 items"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(worker: Worker, body: bytes, named: str) -> None:
    response = worker.client.post(
        "/v1/decide/batch", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert named in response.json()["detail"]


def test_when_the_log_fails_every_line_says_so(worker: Worker) -> None:
    with worker.state.engine.begin() as connection:
        decisions.drop(connection)

    answered = send(worker, [WHEEL, WHEEL])

    assert [(line["status"], line["retry_after_s"]) for line in answered] == [(503, 1), (503, 1)]


def test_a_batch_may_be_larger_than_a_single_request_but_not_boundless(worker: Worker) -> None:
    context = {"note": "x" * 200}
    items = [{**WHEEL, "dry_run": True, "context": {**context, str(n): 1.0}} for n in range(900)]
    body = json.dumps(items).encode()
    assert worker.state.settings.body_limit_bytes < len(body) < worker.state.settings.batch_limit_bytes

    fits = worker.client.post("/v1/decide/batch", content=body, headers={"content-type": "application/json"})
    too_large = worker.client.post("/v1/decide/batch", content=b" " * 4_200_000)

    assert {line["status"] for line in lines(fits)} == {200}
    assert too_large.status_code == 413
    assert "4194304" in too_large.json()["detail"]
