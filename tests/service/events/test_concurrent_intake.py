"""Many senders at once, each with the same messages in its own order: every one is in the log once, none is refused."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select

from service.store.tables import events, identities, traits
from tests.service.conftest import Worker
from tests.service.events.test_event_routes import identify, owners, track


def messages() -> list[dict[str, Any]]:
    """Sixty visitors who did something, and say who they are and what they are like, all of one customer."""
    found = []
    for number in range(60):
        visitor = {"anonymousId": f"v{number}"}
        found.append(track(f"seen-{number}", userId=None, **visitor))
        at = f"2026-11-20T00:00:{number:02d}Z"
        told = {"latest": number, f"of {number % 7}": number}
        found.append(identify(f"named-{number}", userId="c1", timestamp=at, traits=told, **visitor))
    return found


def test_the_same_messages_from_many_senders_are_each_taken_once(worker: Worker) -> None:
    sent = messages()

    def send_all(seed: int) -> list[tuple[int, int]]:
        mixed = random.Random(seed).sample(sent, len(sent))
        answers = []
        for start in range(0, len(mixed), 20):
            response = worker.client.post("/v1/batch", json={"batch": mixed[start : start + 20]})
            assert response.status_code == 200, response.text
            answers.append((response.json()["taken"], response.json()["known"]))
        return answers

    with ThreadPoolExecutor(6) as pool:
        answers = [each for some in pool.map(send_all, range(6)) for each in some]

    assert sum(taken for taken, _ in answers) == len(sent)
    assert sum(known for _, known in answers) == 5 * len(sent)
    assert owners(worker).keys() == {message["messageId"] for message in sent}
    with worker.state.engine.connect() as connection:
        assert len(connection.execute(select(identities)).all()) == 60
        known = {row.name: json.loads(row.value) for row in connection.execute(select(traits))}
        named = connection.execute(select(events).where(events.c.type == "identify")).all()
    assert known == {"latest": 59, **{f"of {rest}": max(range(rest, 60, 7)) for rest in range(7)}}
    assert {row.customer_id for row in named} == {"c1"}
    timeline = worker.client.get("/v1/customers/c1", params={"limit": 200}).json()["timeline"]
    assert len(timeline) == len(sent)
