"""What was told of a customer, over time and when asked to go: export, forget and retain reach all of it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.store.retention import carry_out, plan_retention
from service.store.tables import events, events_aside, identities, traits
from tests.service.conftest import NOW, Worker
from tests.service.events.test_event_routes import identify, owners, send, track
from tests.service.store.test_erasure import everything, put_online, run

NEEDLE, VISITOR = "needle-4711@example.com", "visitor-4711"


@pytest.fixture
def told(worker: Worker, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker whose log was told of the customer in every way there is, and of another."""
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    send(worker, track("m1", userId=None, anonymousId=VISITOR), track("other", properties={"street": "Elm"}))
    send(worker, identify("m2", userId=NEEDLE, anonymousId=VISITOR, traits={"phone": "0912-4711"}))
    send(worker, track("m3", userId=NEEDLE), track("m4", userId=NEEDLE, event=""), track("m5", event=""))
    send(worker, track("m6", userId=None, anonymousId=VISITOR, event=""), track("m7", userId=[NEEDLE]))
    return worker


def test_an_export_holds_what_was_told_of_the_customer_and_of_nobody_else(told: Worker) -> None:
    put_online(told)

    lines = [json.loads(line) for line in run("export", NEEDLE).splitlines()]

    found = {(line["table"], line["row"].get("message_id")) for line in lines if "table" in line}
    assert {("events", "m1"), ("events", "m2"), ("events", "m3"), ("traits", None)} <= found
    assert {name for table, name in found if table == "events_aside"} == {"m4", "m6", "m7"}
    assert ("identities", None) in found
    assert "other" not in {name for _, name in found}


def test_after_forgetting_nothing_that_was_told_is_left(told: Worker) -> None:
    before = everything(told.state.engine)

    said = run("forget", NEEDLE, "--yes")

    after = everything(told.state.engine)
    for word in (NEEDLE, VISITOR, "0912-4711"):
        assert word.encode() in before
        assert word.encode() not in after
    assert owners(told) == {"other": "c1"}
    assert "3 events," in said
    with told.state.engine.connect() as connection:
        assert [row.message_id for row in connection.execute(select(events_aside))] == ["m5"]
        assert connection.execute(select(traits)).all() == connection.execute(select(identities)).all() == []


def test_old_events_go_by_the_month_in_which_they_were_received(told: Worker) -> None:
    engine = told.state.engine
    told.clock.now = NOW + timedelta(days=30)
    send(told, track("new", timestamp="2025-01-01T00:00:00Z"))

    with engine.connect() as connection:
        plan = plan_retention(connection, told.clock())
    carry_out(engine, plan)

    assert (plan.rows["events"], plan.rows["events_aside"]) == (4, 4)
    assert owners(told) == {"new": "c1"}
    with engine.connect() as connection:
        assert connection.execute(select(events_aside)).all() == []
        assert len(connection.execute(select(traits)).all()) == 1
        assert len(connection.execute(select(events)).all()) == 1
