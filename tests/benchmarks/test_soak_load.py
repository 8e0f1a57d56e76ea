"""The soak's callers ask until they are answered, and its rules are read as they are written."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.soak.calls import NDJSON, Calls
from benchmarks.soak.rules import read_rules, write_rules
from benchmarks.soak.shop import DECISION_POINTS
from benchmarks.soak.told import Told
from service.point_files import load_decision_points

ITEMS = [{"customer_id": str(2001 + n), "idempotency_key": f"key-{n}"} for n in range(3)]


def calls(told: Told, answer: Callable[[httpx.Request], httpx.Response]) -> Calls:
    return Calls(ports=[1], rng=random.Random(1), told=told, transport=httpx.MockTransport(answer))


def line(place: int, status: int, **more: Any) -> bytes:
    return json.dumps({"index": place, "status": status, **more}, separators=(",", ":")).encode() + b"\n"


def test_a_call_that_broke_or_was_refused_is_made_again_with_its_key() -> None:
    told, keys = Told(), []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise httpx.ReadTimeout("the worker takes its time")
        if len(keys) == 2:
            return httpx.Response(409, headers={"Retry-After": "1"})
        return httpx.Response(503 if len(keys) == 3 else 200, content=b"{}")

    async def ask() -> tuple[httpx.Response | None, float]:
        line = calls(told, answer)
        return await line.post("/v1/decide", {}, customer="2001", key="one"), line.given_up_at["2001"]

    response, given_up_at = asyncio.run(ask())

    assert response is not None
    assert response.status_code == 200
    assert keys == ["one"] * 4
    assert (told.retries, told.refused, told.faults) == (1, 2, [])
    assert given_up_at > 0


def test_only_the_items_of_a_batch_that_were_not_answered_are_sent_again() -> None:
    told, asked = Told(), []

    def answer(request: httpx.Request) -> httpx.Response:
        keys = [json.loads(each)["idempotency_key"] for each in request.content.splitlines()]
        asked.append(keys)
        first = [line(0, 200, answer={"n": 0}), line(1, 503, problem={}), line(2, 200, answer={"n": 2})]
        return httpx.Response(
            200, content=b"".join(first) if len(asked) == 1 else line(0, 200, answer={"n": 1})
        )

    answers = asyncio.run(calls(told, answer).decide_batch(ITEMS, NDJSON))

    assert answers == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert asked == [["key-0", "key-1", "key-2"], ["key-1"]]
    assert told.faults == []


def test_a_batch_that_ends_early_is_sent_again_as_a_whole_and_what_is_unusable_is_a_fault() -> None:
    told, asked = Told(), []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        if len(asked) == 1:
            return httpx.Response(200, content=line(0, 200, answer={}))
        return httpx.Response(200, content=b"".join(line(n, 422, problem={}) for n in range(3)))

    answers = asyncio.run(calls(told, answer).decide_batch(ITEMS, "application/json"))

    assert answers == [None, None, None]
    assert asked == [ITEMS, ITEMS]
    assert len(told.faults) == 3


def test_a_run_begins_outside_of_quiet_hours_and_cannot_put_messages_into_them(tmp_path: Path) -> None:
    for hour in range(24):
        now = datetime(2026, 11, 22, hour, 30, tzinfo=UTC)
        rules = read_rules(write_rules(DECISION_POINTS, tmp_path / str(hour), now))

        quiet = [rules.is_quiet("campaign", now + timedelta(hours=ahead), "UTC") for ahead in range(24)]

        assert quiet == [3 <= ahead < 11 for ahead in range(24)]


def test_the_audit_reads_the_rules_as_the_service_does(tmp_path: Path) -> None:
    folder = write_rules(DECISION_POINTS, tmp_path / "rules", datetime(2026, 11, 22, 20, 15, tzinfo=UTC))

    rules, points = read_rules(folder), load_decision_points(folder)

    assert rules.quiet_hours("campaign") == (time(23, 15), time(7, 15))
    assert sorted(rules.journeys) == sorted(points)
    for name, point in points.items():
        quiet = point.send_time and point.send_time.quiet_hours
        assert rules.quiet_hours(name) == (quiet and (quiet.start, quiet.end))
        if point.coupon is not None:
            assert rules.budget(name) == point.coupon.daily_budget
        assert rules.longest_wait() >= point.activation_wait
    declared = {(name, cap.at_most) for name, point in points.items() for cap in point.caps}
    shop = {(None, cap.at_most) for cap in points["weekly"].shop.caps}
    assert {(journey, most) for journey, _, most in rules.caps()} == declared | shop
