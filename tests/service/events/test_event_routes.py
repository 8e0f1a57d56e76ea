"""Messages over HTTP: taken in once, whose they are, and what is kept aside."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.store.engine import moment
from service.store.tables import events, events_aside, traits
from tests.service.conftest import NOW, Worker

ANON = "507f191e"


def send(worker: Worker, *messages: dict[str, Any], sent_at: str | None = None) -> dict[str, Any]:
    """The answer to a batch that must be taken in."""
    response = worker.client.post("/v1/batch", json={"batch": messages, "sentAt": sent_at})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["success"] is True
    return answer


def track(message_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Newsletter Read", "messageId": message_id, "userId": "c1", **fields}


def identify(message_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": message_id, **fields}


def owners(worker: Worker) -> dict[str, str | None]:
    """Whose each event is, by its message's id."""
    with worker.state.engine.connect() as connection:
        query = select(events.c.message_id, events.c.customer_id)
        return {row.message_id: row.customer_id for row in connection.execute(query)}


def traits_of(worker: Worker, customer_id: str) -> dict[str, Any]:
    with worker.state.engine.connect() as connection:
        rows = connection.execute(select(traits).where(traits.c.customer_id == customer_id))
        return {row.name: json.loads(row.value) for row in rows}


def occurred(worker: Worker, message_id: str) -> datetime:
    with worker.state.engine.connect() as connection:
        found = connection.scalar(select(events.c.occurred_at).where(events.c.message_id == message_id))
    assert found is not None
    return moment(found)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("identify", {"traits": {"city": "Shiraz"}}),
        ("track", {"event": "Newsletter Read"}),
        ("page", {"name": "Home"}),
        ("screen", {"name": "Home"}),
        ("alias", {"previousId": ANON}),
        ("group", {"groupId": "friends"}),
    ],
)
def test_each_call_of_the_spec_is_taken_in_once(worker: Worker, kind: str, fields: dict[str, Any]) -> None:
    body = {"userId": "c1", "messageId": "m1", "integrations": {"All": True}, **fields}

    answers = [worker.client.post(f"/v1/{kind}", json=body).json() for _ in range(2)]

    assert [(each["success"], each["taken"], each["known"]) for each in answers] == [
        (True, 1, 0),
        (True, 0, 1),
    ]
    assert owners(worker) == {"m1": "c1"}


def test_a_repeat_within_a_batch_and_a_repeated_batch_change_nothing(worker: Worker) -> None:
    first = send(
        worker, track("m1"), track("m1", event="Other"), identify("m2", userId="c1", traits={"a": 1})
    )
    again = send(worker, track("m1"), track("m1"), identify("m2", userId="c1", traits={"a": 2}))

    assert (first["taken"], first["known"]) == (2, 1)
    assert (again["taken"], again["known"]) == (0, 3)
    assert traits_of(worker, "c1") == {"a": 1}
    metrics = worker.client.get("/metrics").text
    assert 'gardoon_events_total{result="unplanned",type="track"} 1.0' in metrics
    assert 'gardoon_events_total{result="known",type="track"} 3.0' in metrics


def test_messages_without_an_id_are_each_a_new_one(worker: Worker) -> None:
    body = {"userId": "c1", "event": "Newsletter Read"}

    answers = [worker.client.post("/v1/track", json=body).json()["taken"] for _ in range(2)]

    assert answers == [1, 1]
    assert len(owners(worker)) == 2


def test_the_senders_clock_is_corrected(worker: Worker) -> None:
    late = (NOW + timedelta(days=3)).isoformat()  # a clock that is three days fast

    send(worker, track("m1", timestamp=(NOW + timedelta(days=3, minutes=-5)).isoformat()), sent_at=late)
    send(worker, track("m2", timestamp="2026-11-01T00:00:00+03:30"), track("m3"))
    send(worker, track("m4", originalTimestamp=late, sentAt=late))

    assert occurred(worker, "m1") == NOW - timedelta(minutes=5)
    assert occurred(worker, "m2").isoformat() == "2026-10-31T20:30:00+00:00"
    assert (occurred(worker, "m3"), occurred(worker, "m4")) == (NOW, NOW)


def test_what_an_unknown_visitor_did_becomes_the_customers_who_it_turns_out_to_be(worker: Worker) -> None:
    visit = {"userId": None, "anonymousId": ANON}
    send(worker, track("m1", **visit), identify("m2", anonymousId=ANON, traits={"city": "Shiraz", "age": 30}))
    before = owners(worker)

    send(worker, identify("m3", userId="c1", anonymousId=ANON, traits={"age": 31}), track("m4", **visit))
    send(worker, track("m5", **visit), track("m6", userId=None, anonymousId="another"))

    assert before == {"m1": None, "m2": None}
    assert owners(worker) == {**dict.fromkeys(("m1", "m2", "m3", "m4", "m5"), "c1"), "m6": None}
    assert traits_of(worker, "c1") == {"city": "Shiraz", "age": 31}


def test_an_alias_joins_as_an_identify_does(worker: Worker) -> None:
    send(worker, track("m1", userId=None, anonymousId=ANON))

    send(worker, {"type": "alias", "messageId": "m2", "previousId": ANON, "userId": "c1"})

    assert owners(worker) == {"m1": "c1", "m2": "c1"}


def test_on_a_shared_device_each_keeps_their_own(worker: Worker) -> None:
    visit = {"userId": None, "anonymousId": ANON}
    send(worker, track("m1", **visit))
    send(worker, identify("m2", userId="c1", anonymousId=ANON, timestamp="2026-11-20T00:00:00Z"))
    send(worker, identify("m3", userId="c2", anonymousId=ANON, timestamp="2026-11-21T00:00:00Z"))
    send(worker, identify("m4", userId="c1", anonymousId=ANON, timestamp="2026-11-20T12:00:00Z"))

    send(worker, track("m5", **visit))

    assert owners(worker) == {"m1": "c1", "m2": "c1", "m3": "c2", "m4": "c1", "m5": "c2"}


def test_a_late_identify_does_not_replace_newer_traits(worker: Worker) -> None:
    at = {"new": "2026-11-21T00:00:00Z", "late": "2026-11-20T00:00:00Z"}

    send(worker, identify("m1", userId="c1", timestamp=at["new"], traits={"tier": "gold", "city": None}))
    send(worker, identify("m2", userId="c1", timestamp=at["late"], traits={"tier": "none", "age": 30}))

    assert traits_of(worker, "c1") == {"tier": "gold", "city": None, "age": 30}


def test_traits_are_read_where_rudderstacks_clients_put_them(worker: Worker) -> None:
    told = {"traits": {"city": "Shiraz", "tier": "gold"}, "library": {"name": "analytics-python"}}

    send(worker, identify("m1", userId="c1", context=told, traits={"tier": "none"}))

    assert traits_of(worker, "c1") == {"city": "Shiraz", "tier": "none"}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "track", "event": "Newsletter Read"}, "userId"),
        ({"type": "track", "userId": "c1"}, "event"),
        ({"type": "track", "userId": 17, "event": "Newsletter Read"}, "userId"),
        ({"type": "track", "userId": "c1", "event": "a\x00b"}, "event"),
        ({"type": "click", "userId": "c1"}, "type"),
        ({"type": "alias", "userId": "c1"}, "previousId"),
        ({"type": "group", "userId": "c1"}, "groupId"),
        ({"type": "identify", "userId": "c1", "traits": []}, "traits"),
        (track("m", timestamp="yesterday"), "timestamp"),
        (track("m", timestamp="2026-11-22T11:00:00Z"), "timestamp"),
        (track("m", timestamp="2026-11-22T09:00:00"), "timestamp"),
        (track("m", properties={"text": "a" * 33_000}), "message"),
        ("text", "item"),
    ],
)
def test_a_message_that_cannot_be_used_is_kept_aside_and_holds_up_no_other(
    worker: Worker, message: Any, field: str
) -> None:
    answer = send(worker, track("before"), message, track("after"))

    (aside,) = answer["kept_aside"]
    assert (answer["taken"], aside["index"], aside["field"]) == (2, 1, field), aside
    assert aside["fault"]
    with worker.state.engine.connect() as connection:
        row = connection.execute(select(events_aside)).one()
    assert json.loads(row.content)["message"] == message
    assert (row.message_id, row.field, row.fault) == (aside["message_id"], field, aside["fault"])
    assert 'gardoon_events_total{result="kept_aside",type="any"} 1.0' in worker.client.get("/metrics").text


def test_a_message_that_is_sent_again_as_it_must_be_is_no_longer_kept_aside(worker: Worker) -> None:
    send(worker, track("m1", event=""))

    answer = send(worker, track("m1"))

    assert answer["taken"] == 1
    with worker.state.engine.connect() as connection:
        assert connection.execute(select(events_aside)).all() == []


def test_a_compressed_body_is_read_and_held_to_the_limit_it_has_when_unpacked(worker: Worker) -> None:
    def post(content: bytes, encoding: str = "gzip") -> int:
        headers = {"content-encoding": encoding, "content-type": "application/json"}
        return worker.client.post("/v1/batch", content=content, headers=headers).status_code

    good = gzip.compress(json.dumps({"batch": [track("m1")]}).encode())
    bomb = gzip.compress(b" " * 20_000_000)

    assert post(good) == 200
    assert [post(bomb), post(good[:-4]), post(good + b"x"), post(b"{}"), post(good, "br")] == [413] + [
        422
    ] * 4
    assert owners(worker) == {"m1": "c1"}


@pytest.mark.parametrize("body", [b"[]", b'{"batch": {}}', b'{"batch": []}', b"{", b'{"batch": [NaN]}'])
def test_a_body_that_is_no_batch_is_refused_in_words_that_both_clients_understand(
    worker: Worker, body: bytes
) -> None:
    response = worker.client.post("/v1/batch", content=body)

    assert response.status_code == 422
    assert response.json()["code"] == "InvalidRequest"
    assert response.json()["message"] == response.json()["detail"]
