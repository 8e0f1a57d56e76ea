"""Lines of events become events, once, whatever is between them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from journeys.definition_files import load_journeys
from journeys.feed import Feed
from journeys.store import Store
from journeys.tables import open_tables
from tests.journeys.stories import START


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(open_tables(f"sqlite:///{tmp_path}/journeys.db"), load_journeys())


def line(customer: str, number: int = 0, **fields: Any) -> str:
    viewed = {"type": "track", "event": "product_viewed", "properties": {"product_id": "tea", "price": 100}}
    told = {"userId": customer, "messageId": f"{customer} {number}", "timestamp": START.isoformat()}
    return json.dumps({**viewed, **told, **fields}) + "\n"


def customers(store: Store) -> list[str]:
    return [run.customer_id for run in store.runs() if run.journey == "price_drop"]


def test_each_line_is_taken_once_and_half_a_line_when_it_is_whole(tmp_path: Path, store: Store) -> None:
    path, whole = tmp_path / "events.ndjson", line("b")
    path.write_text(line("a") + whole[:20])

    n_lines = [Feed(path, store, lambda: START).read(), Feed(path, store, lambda: START).read()]
    path.write_text(line("a") + whole)
    n_lines.append(Feed(path, store, lambda: START).read())

    assert n_lines == [1, 0, 1]
    assert customers(store) == ["a", "b"]


def test_a_message_that_comes_again_is_known(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(line("a") + line("a", event="purchased"))

    Feed(path, store, lambda: START).read()

    assert [run.journey for run in store.runs()] == ["browse_abandonment", "price_drop"]


def test_what_cannot_be_used_is_logged_with_its_place_and_left_out(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    path, first = tmp_path / "events.ndjson", line("a")
    path.write_text(first + line("b", timestamp="yesterday") + "no json\n" + line("c"))

    with caplog.at_level(logging.ERROR):
        Feed(path, store, lambda: START).read()

    assert customers(store) == ["a", "c"]
    assert f"{path} at byte {len(first)}: left out: timestamp: " in caplog.text


def test_the_shops_own_event_reaches_everybody_who_watches_that_product(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "events.ndjson"
    other = line("c", properties={"product_id": "jam", "price": 100})
    cheaper = line("shop", event="price_changed", userId=None, properties={"product_id": "tea", "price": 80})
    path.write_text(line("a") + line("b") + other + cheaper)

    Feed(path, store, lambda: START).read()

    steps = {run.customer_id: run.step for run in store.runs() if run.journey == "price_drop"}
    assert steps == {"a": "ask", "b": "ask", "c": "watch"}
    assert len(store.outbox()) == 2


def test_a_message_may_be_sent_by_who_claims_it_first_and_not_once_its_run_is_over(
    tmp_path: Path, store: Store
) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text(line("a", event="app_opened"))
    Feed(path, store, lambda: START).read()
    (run,) = store.runs()
    assert run.action is not None

    claims = [
        store.claim(run.id, run.action),
        store.claim(run.id, run.action),
        store.claim(run.id, "another"),
    ]

    assert claims == ["first", "again", "left"]
