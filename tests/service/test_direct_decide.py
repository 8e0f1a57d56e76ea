"""`POST /v1/decide` answered directly: what the documented endpoint answers, to the byte, headers included."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import from_json

from service.access.scope import Scope
from service.routes.direct import DirectDecide
from service.schemas import DecideRequest
from tests.service.access.callers import bearer, give_key
from tests.service.conftest import Worker

_STAGE_TIME = re.compile(r";dur=\d+\.\d\d")
JSON = {"content-type": "application/json"}
GIVEN = {"customer_id": "c1", "journey": "lucky_wheel", "dry_run": True}


def body(**more: Any) -> bytes:
    return json.dumps({**GIVEN, **more}).encode()


TAKEN: Mapping[str, tuple[bytes, Mapping[str, str]]] = {
    "the least": (body(), JSON),
    "with a character set": (body(), {"content-type": "application/json; charset=utf-8"}),
    "with a key": (body(), {**JSON, "idempotency-key": "order-7"}),
    "as much as there is": (
        body(
            decide=["coupon", "channel"],
            context={"cart": 3, "share": 0.5, "first": True, "note": "سلام"},
            trigger={"name": "app_opened", "at": "2026-11-22T09:00:00+03:30", "key": "cart 5"},
            eligible={"channel": ["sms", "email"]},
            excluded={"coupon": ["none"]},
            baseline={"channel": "sms"},
            deadline_at=1_800_000_000,
            timeout_ms=500,
            explain="scores",
        ),
        JSON,
    ),
    "a name twice": (
        b'{"customer_id": "x", "journey": "lucky_wheel", "dry_run": true, "customer_id": "c1"}',
        JSON,
    ),
    "an unknown journey": (body(journey="lucky_weel"), JSON),
    "an action that there is not": (body(eligible={"channel": ["pigeon"]}), JSON),
}
HANDED_ON: Mapping[str, tuple[bytes, Mapping[str, str]]] = {
    "no JSON": (b'{"customer_id": ', JSON),
    "nothing": (b"", JSON),
    "no text": (b'{"customer_id": "\xff"}', JSON),
    "half of a character": (b'{"customer_id": "\\ud800", "journey": "lucky_wheel"}', JSON),
    "a mark of byte order": (b"\xef\xbb\xbf" + body(), JSON),
    "an unknown field": (body(costumer="c1"), JSON),
    "not a number": (b'{"customer_id": "c1", "journey": "lucky_wheel", "context": {"a": NaN}}', JSON),
    "a list": (b"[1]", JSON),
    "a missing field": (b'{"customer_id": "c1"}', JSON),
    "another type": (body(), {"content-type": "text/plain"}),
    "JSON by another name": (body(), {"content-type": "application/vnd.shop+json"}),
    "a key with a blank": (body(), {**JSON, "idempotency-key": "order 7"}),
    "an empty key": (body(), {**JSON, "idempotency-key": ""}),
}


@pytest.fixture
def worker(worker: Worker) -> Worker:
    """One whose decisions are all the same: the next decision's id is that of the last."""
    object.__setattr__(worker.state, "randomness", bytes)
    return worker


def answer(worker: Worker, content: bytes, headers: Mapping[str, str]) -> tuple[int, list[Any], bytes]:
    """Status, headers and body; of the times that it took, only which stages they are of."""
    response = worker.client.post("/v1/decide", content=content, headers=headers)
    named = [(name, _STAGE_TIME.sub("", value)) for name, value in response.headers.multi_items()]
    return response.status_code, sorted(named), response.content


def direct(worker: Worker) -> DirectDecide:
    """What stands before the application."""
    app: Any = worker.client.app
    found: DirectDecide = app.direct
    return found


@contextmanager
def without_it() -> Iterator[None]:
    """While this lasts nothing is answered directly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.routes.direct.PATH", "/v1/decide-directly")
        yield


def documented(worker: Worker, content: bytes, headers: Mapping[str, str]) -> tuple[int, list[Any], bytes]:
    """The answer without the direct way."""
    with without_it():
        return answer(worker, content, headers)


@pytest.mark.parametrize("name", TAKEN)
def test_a_well_formed_request_is_answered_directly_as_documented(
    worker: Worker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = documented(worker, *TAKEN[name])

    monkeypatch.setattr(direct(worker), "_app", None)

    assert answer(worker, *TAKEN[name]) == wanted


@pytest.mark.parametrize("name", HANDED_ON)
def test_any_other_request_is_answered_by_the_documented_endpoint(worker: Worker, name: str) -> None:
    assert answer(worker, *HANDED_ON[name]) == documented(worker, *HANDED_ON[name])


def test_a_header_sent_twice_is_the_documented_endpoints_to_read(worker: Worker) -> None:
    twice = [*JSON.items(), ("idempotency-key", "a b"), ("idempotency-key", "order-7")]

    found = worker.client.post("/v1/decide", content=body(), headers=twice)
    with without_it():
        wanted = worker.client.post("/v1/decide", content=body(), headers=twice)

    assert (found.status_code, found.content) == (wanted.status_code, wanted.content)


def test_a_key_sent_again_is_answered_as_before_whichever_way_it_came(worker: Worker) -> None:
    keyed = (body(dry_run=False), {**JSON, "idempotency-key": "order-8"})

    first, second = documented(worker, *keyed), answer(worker, *keyed)

    assert first[2] == second[2]
    assert ("idempotency-replayed", "true") in second[1]
    assert ("idempotency-replayed", "true") not in first[1]


def test_an_answer_says_what_its_stages_took_and_a_repetition_does_not(worker: Worker) -> None:
    object.__setattr__(worker.state, "randomness", os.urandom)

    for ask in (answer, documented):
        keyed = (body(dry_run=False), {**JSON, "idempotency-key": ask.__name__})
        first, again = ask(worker, *keyed)[1], ask(worker, *keyed)[1]

        assert ("server-timing", "features, standing, decide, log") in first
        assert not any(name == "server-timing" for name, _ in again)
    told = worker.client.get("/metrics").text
    assert 'gardoon_decide_stage_seconds_count{stage="log"} 2.0' in told


def test_who_is_not_let_in_hears_the_same_either_way_and_is_counted_once(worker: Worker) -> None:
    reader = give_key(worker, Scope.READ)
    slow = give_key(worker, Scope.DECIDE, rate_limit="3/minute")
    nobody, without_scope = ((body(), {**JSON, **held}) for held in ({}, bearer(reader)))

    refused = [answer(worker, *each) for each in (nobody, without_scope)]

    assert [status for status, _, _ in refused] == [401, 403]
    assert refused == [documented(worker, *each) for each in (nobody, without_scope)]
    malformed, sound = (b"[1]", {**JSON, **bearer(slow)}), (body(), {**JSON, **bearer(slow)})
    statuses = [answer(worker, *each)[0] for each in (malformed, sound, sound, sound)]
    assert statuses == [422, 200, 200, 429]


def test_a_body_that_is_too_long_is_refused_before_it_is_read(worker: Worker) -> None:
    long = (b" " * worker.state.settings.body_limit_bytes + body(), JSON)

    assert answer(worker, *long) == documented(worker, *long)
    assert answer(worker, *long)[0] == 413


def test_a_body_in_pieces_is_put_together(worker: Worker) -> None:
    whole = body()

    found = worker.client.post("/v1/decide", content=iter([whole[:9], whole[9:]]), headers=JSON)

    assert found.content == documented(worker, whole, JSON)[2]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
REQUESTS = st.fixed_dictionaries(
    {"customer_id": st.text(max_size=4), "journey": st.text(max_size=4)},
    optional={
        "decide": st.lists(st.sampled_from(["channel", "coupon", "message", "sms"]), max_size=3),
        "context": st.dictionaries(st.text(max_size=4), SCALARS, max_size=4),
        "eligible": st.dictionaries(st.just("channel"), st.lists(st.text(max_size=4))),
        "deadline_at": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | SCALARS,
        "timeout_ms": st.integers(-1, 10**8) | SCALARS,
        "dry_run": SCALARS,
        "explain": st.sampled_from(["none", "scores", "all"]),
    },
)


def read(parse: Any, content: bytes) -> DecideRequest | None:
    try:
        return DecideRequest.model_validate(parse(content))
    except (ValidationError, ValueError):
        return None


@given(REQUESTS)
def test_what_is_taken_directly_is_read_as_the_documented_endpoint_reads_it(request_: dict[str, Any]) -> None:
    content = json.dumps(request_).encode()

    found = read(from_json, content)

    assert found is None or found == read(json.loads, content)
