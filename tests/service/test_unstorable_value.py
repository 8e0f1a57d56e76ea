"""Values that a database cannot hold: refused at the door by name, or answered as a fault of ours that no retry mends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import DataError
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from service.state import State
from service.store.decision_log import DecisionLog
from tests.service.conftest import Worker

NUL = "a\x00b"
TEXTS = (NUL, "\ud800", "\U0001f600" * 300, "a" * 70_000)
NUMBERS = (2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 1e-320)
TIMES = ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")
HOSTILE: tuple[Any, ...] = (*TEXTS, *NUMBERS, *TIMES)


def with_each_leaf_replaced(body: Any, value: Any) -> Iterator[Any]:
    """The body once for each of its leaves and of its names, with the value there instead."""
    if isinstance(body, dict):
        for name in body:
            for inner in with_each_leaf_replaced(body[name], value):
                yield {**body, name: inner}
            if isinstance(value, str):
                yield {(value if each == name else each): body[each] for each in body}
    elif isinstance(body, list):
        for place, item in enumerate(body):
            for inner in with_each_leaf_replaced(item, value):
                yield [*body[:place], inner, *body[place + 1 :]]
    else:
        yield value


def bodies(worker: Worker) -> dict[str, Any]:
    """A good body for each endpoint that takes one, about things that there are."""
    asked: dict[str, Any] = {
        "customer_id": "c1",
        "journey": "lucky_wheel",
        "context": {"street": "Elm", "floor": 3, "height_m": 2.5},
        "trigger": {"name": "opened", "key": "cart", "at": "2026-11-22T09:00:00Z"},
        "deadline_at": "2026-11-23T09:00:00Z",
        "timeout_ms": 60_000,
    }
    made = worker.decide(customer_id="c1", journey="lucky_wheel", excluded={"coupon": ["none"]})
    told = {
        "event_id": "e1",
        "decision_id": made["decision_id"],
        "kind": "purchased",
        "value": 1.5,
        "currency": "IRT",
        "occurred_at": made["decided_at"],
    }
    ranked = {
        "contextFeatures": [{"hour": 3, "device": {"os": "android"}}],
        "actions": [{"id": "a", "features": [{"tone": "warm", "length": 60}]}, {"id": "b"}],
        "excludedActions": ["c"],
        "eventId": "r1",
    }
    coupon = made["coupon"]
    redemption = {"order_id": "o1", "order_value": 180_000, "customer_id": "c1"}
    message = {"userId": "c1", "anonymousId": "a1", "messageId": "m1", "timestamp": "2026-11-22T09:00:00Z"}
    batch = [
        {"type": "identify", **message, "traits": {"city": "Shiraz", "age": 30}},
        {"type": "track", **message, "event": "Newsletter Read", "properties": {"n": [1.5]}},
        {"type": "alias", "previousId": "a2", "userId": "c1"},
    ]
    return {
        "/v1/batch": {"batch": batch, "sentAt": "2026-11-22T09:00:00Z"},
        "/v1/decide": asked,
        "/v1/decide/batch": [{**asked, "idempotency_key": "k1"}],
        "/v1/score": {"customer_id": "c1"},
        "/v1/outcomes": {"outcomes": [told]},
        "/v1/coupons/redeem": {"code": coupon["code"], **redemption},
        "/personalizer/v1.0/rank": ranked,
        "/personalizer/v1.0/events/r1/reward": {"value": 0.5},
    }


def test_no_value_in_any_place_of_a_body_is_a_server_error(worker: Worker) -> None:
    headers = {"content-type": "application/json"}
    failed, statuses = [], set()

    for path, good in bodies(worker).items():
        for value in HOSTILE:
            for bad in with_each_leaf_replaced(good, value):
                answer = worker.client.post(path, content=json.dumps(bad), headers=headers)
                statuses.add(answer.status_code)
                inner = '"status":5' in answer.text.replace(" ", "")
                if answer.status_code >= 500 or inner:
                    failed.append((path, json.dumps(bad)[:300], answer.text[:300]))

    assert not failed
    assert {200, 201, 422} <= statuses


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/decisions/{}"),
        ("POST", "/v1/decisions/{}/activate"),
        ("GET", "/v1/customers/{}/allowance"),
        ("GET", "/v1/customers/{}"),
        ("GET", "/v1/customers/c1?before={}"),
        ("GET", "/v1/customers/c1?limit={}"),
        ("GET", "/v1/coupons/{}"),
        ("POST", "/personalizer/v1.0/events/{}/activate"),
        ("GET", "/v1/groups?since={}"),
    ],
)
def test_no_value_in_an_address_is_a_server_error(worker: Worker, method: str, path: str) -> None:
    values = ("a%00b", "%F0%9F%98%80" * 300, "%ED%A0%80", "a" * 5000, str(10**400), "9999-12-31T23:59:59Z")

    answers = [worker.client.request(method, path.format(value)) for value in values]

    assert {answer.status_code for answer in answers} <= {200, 404, 422}


def test_no_value_in_a_header_is_a_server_error(worker: Worker) -> None:
    body = {"customer_id": "c1", "journey": "lucky_wheel"}
    values = (b"a\x00b", b"\xff\xfe", b"k" * 5000, b"\xed\xa0\x80", b"k" * 255)
    paths = {b"idempotency-key": "/v1/decide", b"gardoon-loop": "/personalizer/v1.0/events/e/activate"}

    found = {
        (name, value): worker.client.post(path, json=body, headers=[(name, value)]).status_code
        for name, path in paths.items()
        for value in values
    }

    assert set(found.values()) == {200, 422}
    assert found[b"idempotency-key", b"k" * 255] == 200


def test_the_longest_names_that_are_allowed_can_be_stored_whatever_their_alphabet(worker: Worker) -> None:
    longest = "\U0001f600" * 128
    trigger = {"name": "\U0001f600" * 64, "key": longest}

    made = worker.decide(customer_id=longest, journey="cart_abandonment", trigger=trigger)

    assert (
        worker.client.get(f"/v1/decisions/{made['decision_id']}").json()["answer"]["customer_id"] == longest
    )


def with_own_log(state: State) -> State:
    """The state for another application: a decision log belongs to one event loop."""
    return replace(state, log=DecisionLog(state.engine, seconds=state.metrics.flush_seconds))


def test_what_gets_past_the_checks_is_a_fault_of_ours_that_invites_no_retry(
    worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    """PostgreSQL has three places for a currency, SQLite as many as it takes."""
    rules = {name: replace(each, currency="TOMAN") for name, each in worker.state.rules.items()}
    state = replace(with_own_log(worker.state), rules=rules)
    asked = {"customer_id": "c1", "journey": "lucky_wheel", "excluded": {"coupon": ["none"]}}

    with TestClient(create_app(state.settings, lambda _: state), raise_server_exceptions=False) as client:
        decided = client.post("/v1/decide", json=asked)
        (line,) = client.post("/v1/decide/batch", json=[asked]).text.splitlines()

    if worker.state.engine.dialect.name == "sqlite":
        assert (decided.status_code, json.loads(line)["status"]) == (200, 200)
        return
    assert decided.status_code == 500
    assert "retry-after" not in decided.headers
    assert decided.json()["title"] == "Value not storable"
    assert json.loads(line)["status"] == 500
    assert "retry_after_s" not in json.loads(line)
    assert "cannot be stored" in capsys.readouterr().err


def test_a_value_that_the_database_refuses_outside_of_the_decision_log_is_answered_alike(
    worker: Worker,
) -> None:
    state = with_own_log(worker.state)
    app = create_app(state.settings, lambda _: state)

    @app.get("/refused")
    async def refused() -> None:
        raise DataError("INSERT", {}, ValueError("no room"))

    with TestClient(app, raise_server_exceptions=False) as client:
        answered = client.get("/refused")

    assert (answered.status_code, answered.json()["title"]) == (500, "Value not storable")
    assert "retry-after" not in answered.headers


def test_a_currency_that_the_log_has_no_room_for_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="currency"):
        Settings(currency="TOMAN")
