"""What is known of a customer: traits, timeline, features with their age, segments, allowance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from features.segment import Segment
from service.store.engine import microseconds
from service.store.tables import events, identities
from tests.service.conftest import NOW, Worker, stored_customer
from tests.service.events.test_event_routes import identify, send, track

VIEWED = {"event": "product_viewed", "properties": {"product_id": "p-17"}}


def show(worker: Worker, customer_id: str = "c1", **query: Any) -> dict[str, Any]:
    response = worker.client.get(f"/v1/customers/{customer_id}", params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def ago(**parts: float) -> str:
    return (NOW - timedelta(**parts)).isoformat()


def test_profile_and_timeline_are_what_was_told_the_newest_first(worker: Worker) -> None:
    send(worker, track("m1", userId=None, anonymousId="visitor", timestamp=ago(hours=2), **VIEWED))
    told = {"city": "Shiraz", "tier": None}
    send(worker, identify("m2", userId="c1", anonymousId="visitor", timestamp=ago(hours=1), traits=told))
    send(worker, track("m3", timestamp=ago(hours=3)), track("m4", userId="c2"))

    found = show(worker)

    assert [(event["message_id"], event["type"], event["name"]) for event in found["timeline"]] == [
        ("m2", "identify", None),
        ("m1", "track", "product_viewed"),
        ("m3", "track", "Newsletter Read"),
    ]
    assert found["timeline"][1]["content"] == {"properties": {"product_id": "p-17"}}
    assert found["timeline"][1]["occurred_at"] == "2026-11-22T07:30:00Z"
    assert found["traits"] == [{"name": "city", "value": "Shiraz", "told_at": "2026-11-22T08:30:00Z"}]
    assert found["anonymous_ids"] == ["visitor"]


def test_the_pages_of_a_timeline_are_the_whole_of_it_also_where_many_events_are_of_one_moment(
    worker: Worker,
) -> None:
    ids = [f"{word}{number}" for word in ("a", "B", "é", "~") for number in range(5)]
    send(worker, *(track(name, timestamp=ago(hours=len(name) - 1)) for name in ids))
    pages, before = [], None

    while True:
        found = show(worker, limit=7, **({"before": before} if before else {}))
        pages.append([event["message_id"] for event in found["timeline"]])
        before = found["next_before"]
        if before is None:
            break

    assert list(map(len, pages)) == [7, 7, 6]
    assert [name for page in pages for name in page] == sorted(ids, reverse=True)


def test_what_came_in_while_its_anonymous_id_was_being_joined_is_shown_too(worker: Worker) -> None:
    at = microseconds(NOW)
    row = {"anonymous_id": "visitor", "type": "page", "occurred_at": at, "received_at": at, "content": b"{}"}
    with worker.state.engine.begin() as connection:
        connection.execute(insert(events).values(message_id="m1", **row))
        joined = {"anonymous_id": "visitor", "customer_id": "c1", "joined_at": at}
        connection.execute(insert(identities).values(joined))

    assert [event["message_id"] for event in show(worker)["timeline"]] == ["m1"]


def test_features_say_how_old_they_are_and_what_decisions_see_instead(worker: Worker) -> None:
    old = stored_customer("c3", at=NOW - timedelta(days=400), recency_days=3.0)
    fresh = stored_customer("c3", at=NOW - timedelta(minutes=5), product_views_7d=2.0)
    refreshed = stored_customer("c3", at=NOW + timedelta(milliseconds=800))  # of the next whole second
    views = {
        "rfm": old.views["rfm"],
        "funnel": fresh.views["funnel"],
        "engagement": refreshed.views["engagement"],
    }
    worker.reader.customers["c3"] = type(old)("c3", views)

    found = show(worker, "c3")

    shown = {view["name"]: view for view in found["features"]}
    assert shown.keys() == {view.name for view in worker.state.schema.views}
    assert (shown["rfm"]["problem"], shown["rfm"]["age_seconds"]) == ("stale", 400 * 86_400)
    assert shown["rfm"]["values"]["recency_days"] == 3.0
    assert (shown["funnel"]["problem"], shown["funnel"]["age_seconds"]) == (None, 300)
    assert shown["funnel"]["values"]["product_views_7d"] == 2.0
    assert (shown["engagement"]["problem"], shown["engagement"]["age_seconds"]) == (None, 0)
    assert (shown["profile"]["problem"], shown["profile"]["event_at"]) == ("missing", None)
    assert {"rfm:stale", "profile:missing"} <= set(found["degraded"])
    assert "funnel:stale" not in found["degraded"]


def test_the_segments_are_those_that_the_declarations_say(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    where = {"feature": "product_views_7d", "at_least": 2}
    top = {"top": 100, "by": "recency_days"}
    for name, condition in (("lookers", where), ("best", top)):
        declared = {"name": name, "description": "test", "where": condition}
        worker.state.segments[name] = Segment.model_validate(
            declared, context={"schema": worker.state.schema}
        )
    for customer, views in (("c5", 2.0), ("c6", 1.0)):
        worker.reader.customers[customer] = stored_customer(customer, product_views_7d=views)

    belonging = [
        {segment["name"]: segment["belongs"] for segment in show(worker, customer)["segments"]}
        for customer in ("c5", "c6")
    ]

    assert [each["lookers"] for each in belonging] == [True, False]
    assert [each["best"] for each in belonging] == [None, None]
    assert "high_intent" in belonging[0]


def test_the_allowance_is_the_one_of_its_own_endpoint_and_of_a_stranger_nothing_is_known(
    worker: Worker,
) -> None:
    found, stranger = show(worker), show(worker, "nobody")

    assert found["allowance"] == worker.client.get("/v1/customers/c1/allowance").json()
    assert (stranger["traits"], stranger["timeline"], stranger["anonymous_ids"]) == ([], [], [])
    assert {view["problem"] for view in stranger["features"]} == {"missing"}


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 201}, {"before": "x"}, {"before": "x~m1"}, {"before": "9" * 18 + "~m"}]
)
def test_a_page_that_there_cannot_be_is_refused(worker: Worker, query: dict[str, Any]) -> None:
    response = worker.client.get("/v1/customers/c1", params=query)

    assert response.status_code == 422
    assert next(iter(query)) in response.json()["detail"]
