"""`Idempotency-Key` over HTTP: a retry gets the first answer, and never a second decision."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
from httpx2 import Response
from sqlalchemy import Engine, func, select

from features.stored import StoredFeatures
from service.access.guard import ANYONE
from service.store.key_log import (
    KeyClaim,
    claim_keys,
    find_result,
    forget_expired_keys,
    keep_result,
    without_taken,
)
from service.store.tables import decisions, idempotency_keys
from tests.service.conftest import NOW, Worker, stored_customer

WHEEL = {"customer_id": "c1", "journey": "lucky_wheel"}


def ask(worker: Worker, key: str, body: dict[str, object] | None = None, **options: object) -> Response:
    return worker.client.post("/v1/decide", json=body or WHEEL, headers={"Idempotency-Key": key}, **options)


def logged(worker: Worker) -> int:
    with worker.state.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(decisions)) or 0


def a_claim(key: str = "k", fingerprint: str = "f", later: timedelta = timedelta()) -> KeyClaim:
    day = timedelta(hours=24)
    return KeyClaim(scope=ANYONE, key=key, fingerprint=fingerprint, claimed_at=NOW + later, kept=day)


def test_the_same_key_and_body_get_the_same_bytes_and_one_decision(worker: Worker) -> None:
    answers = [ask(worker, "k1") for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, *["true"] * 4]
    assert logged(worker) == 1


def test_spacing_and_order_of_fields_make_no_other_body(worker: Worker) -> None:
    first = ask(worker, "k1")
    again = worker.client.post(
        "/v1/decide",
        content=b'{ "journey":"lucky_wheel",\n "customer_id":"c1" }',
        headers={"Idempotency-Key": "k1", "content-type": "application/json"},
    )

    assert again.content == first.content


def test_the_same_key_with_another_body_is_refused(worker: Worker) -> None:
    ask(worker, "k1")

    refused = ask(worker, "k1", {**WHEEL, "customer_id": "c2"})

    assert refused.status_code == 422
    assert refused.json()["title"] == "Idempotency key reused"
    assert logged(worker) == 1


def test_other_keys_and_no_key_make_other_decisions_whatever_the_triggers_key(worker: Worker) -> None:
    body = {**WHEEL, "trigger": {"name": "app_opened", "key": "cart 7"}}

    ids = [ask(worker, key, body).json()["decision_id"] for key in ("k1", "k2")]
    ids += [worker.client.post("/v1/decide", json=body).json()["decision_id"] for _ in range(2)]

    assert len(set(ids)) == 4


def test_a_key_is_free_again_after_a_day(worker: Worker) -> None:
    first = ask(worker, "k1")
    worker.clock.advance(hours=23, minutes=59)
    kept = ask(worker, "k1")
    worker.clock.advance(minutes=2)
    anew = ask(worker, "k1", {**WHEEL, "customer_id": "c2"})

    assert kept.content == first.content
    assert anew.status_code == 200
    assert logged(worker) == 2


def test_an_error_is_not_remembered(worker: Worker) -> None:
    read = worker.reader.read

    def fail(_customer_id: str) -> StoredFeatures:
        raise RuntimeError("unforeseen")

    worker.reader.read = fail  # type: ignore[method-assign]
    failed = ask(worker, "k1")
    worker.reader.read = read  # type: ignore[method-assign]

    assert failed.status_code == 500
    assert ask(worker, "k1").status_code == 200


def test_a_refusal_did_nothing_so_its_key_stays_free(worker: Worker) -> None:
    refused = ask(worker, "k1", {**WHEEL, "journey": "lucky_weel"})

    assert refused.status_code == 404
    assert ask(worker, "k1").status_code == 200


def test_a_dry_run_leaves_the_key_free_and_writes_nothing(worker: Worker) -> None:
    answers = [ask(worker, "k1", {**WHEEL, "dry_run": True}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    with worker.state.engine.connect() as connection:
        assert connection.execute(select(idempotency_keys)).first() is None
    assert ask(worker, "k1").status_code == 200


def test_a_key_in_use_is_a_conflict_with_a_time_to_come_back(worker: Worker) -> None:
    reading, go_on = threading.Event(), threading.Event()
    commit = worker.state.log._do

    def slow(batch: object) -> object:
        reading.set()
        assert go_on.wait(10)
        return commit(batch)  # type: ignore[arg-type]

    worker.state.log._do = slow  # type: ignore[method-assign, assignment]
    with ThreadPoolExecutor(1) as other:
        first = other.submit(ask, worker, "k1")
        assert reading.wait(10)
        second = ask(worker, "k1")
        go_on.set()

    assert second.status_code == 409
    assert second.headers["retry-after"] == "1"
    assert second.headers["content-type"] == "application/problem+json"
    assert ask(worker, "k1").content == first.result().content


def test_two_workers_at_once_answer_the_same_decision(make_worker: Callable[..., Worker]) -> None:
    workers = [make_worker(), make_worker(champions=False)]
    object.__setattr__(workers[1].state, "randomness", np.random.default_rng(8).bytes)
    for worker in workers:
        worker.reader.customers["c1"] = stored_customer("c1", recency_days=3.0)

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda n: ask(workers[n % 2], f"k{n // 8}"), range(80)))

    assert {answer.status_code for answer in answers} <= {200, 409}
    by_key: dict[int, set[bytes]] = {}
    for n, answer in enumerate(answers):
        if answer.status_code == 200:
            by_key.setdefault(n // 8, set()).add(answer.content)
    assert [len(contents) for contents in by_key.values()] == [1] * 10
    assert logged(workers[0]) == 10


def test_one_taken_key_does_not_spoil_the_commit_of_the_others(worker: Worker) -> None:
    ask(worker, "k1")

    with worker.state.engine.begin() as connection:
        rows = [a_claim("k1").row(), a_claim("k2").row(), a_claim("k3").row()]
        claimed = claim_keys(connection, rows)

    assert claimed == {(ANYONE, "k2"), (ANYONE, "k3")}


def test_of_one_key_twice_in_a_commit_the_first_goes_on(engine: Engine) -> None:
    keys = [a_claim("k1").row(), None, a_claim("k2").row(), a_claim("k1").row(), None]

    with engine.begin() as connection:
        may_go_on = without_taken(connection, keys)

    assert may_go_on == [True, True, True, False, True]


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "schlüssel".encode().decode("latin-1")])
def test_a_key_that_is_none_is_refused(worker: Worker, key: str) -> None:
    response = worker.client.post(
        "/v1/decide", json=WHEEL, headers={"Idempotency-Key": key.encode("latin-1")}
    )

    assert response.status_code == 422
    assert "Idempotency-Key" in response.json()["detail"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
def test_a_body_that_is_no_json_is_refused_with_a_key_too(worker: Worker, content_type: str) -> None:
    headers = {"Idempotency-Key": "k1", "content-type": content_type}

    assert worker.client.post("/v1/decide", content=b"{", headers=headers).status_code == 422


def test_results_are_kept_once_found_and_forgotten(engine: Engine) -> None:
    assert keep_result(engine, a_claim(), b"first")
    assert not keep_result(engine, a_claim(fingerprint="g", later=timedelta(hours=23)), b"second")

    found = find_result(engine, a_claim())
    assert found is not None
    assert (found.fingerprint, found.content) == ("f", b"first")
    assert find_result(engine, a_claim(later=timedelta(hours=24))) is None
    assert forget_expired_keys(engine, NOW) == 0
    assert forget_expired_keys(engine, NOW + timedelta(hours=24)) == 1


def test_a_thousand_keys_are_claimed_in_one_commit(engine: Engine) -> None:
    rows = [a_claim(f"k{number}").row(content=b"") for number in range(1200)]

    with engine.begin() as connection:
        first = claim_keys(connection, rows)
        again = claim_keys(connection, rows)

    assert len(first) == 1200
    assert again == set()


def test_a_cancelled_caller_leaves_the_log_and_its_key_consistent(worker: Worker) -> None:
    """The retry of a request that was given up while its decision was being committed gets that decision."""
    from service.idempotency import decide_once, make_claim
    from service.schemas import DecideRequest

    async def give_up_and_retry() -> bytes:
        request, state = DecideRequest.model_validate(WHEEL), worker.state
        first = asyncio.ensure_future(decide_once(state, request, make_claim(state, "", "k1", "p", WHEEL)))
        while not state.log._queue:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        content, *_ = await decide_once(state, request, make_claim(state, "", "k1", "p", WHEEL))
        return content

    assert worker.client.portal is not None
    content = worker.client.portal.call(give_up_and_retry)

    assert logged(worker) == 1
    assert content
