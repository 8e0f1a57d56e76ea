"""What comes too late is not made good: no old event begins a run, nothing is asked or sent long after its moment."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from journeys.command import Decide, Send, Suggest
from journeys.feed import Feed
from journeys.interpreter import PART, SLOT
from journeys.signal import Decision, Due, Event
from journeys.store import Store
from journeys.tables import open_tables
from tests.journeys.stories import JOURNEYS, START, Story, acting, story
from tests.journeys.test_interpreter_laws import History, names, play, things

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

OLDEST = {
    "browse_abandonment": 69 * HOUR,
    "cart_abandonment": 27 * HOUR,
    "churn_prevention": 365 * DAY,
    "cross_sell": 24.5 * HOUR,
    "follow_pages": 3 * DAY,
    "lucky_wheel": 15 * MINUTE,
    "price_drop": 31 * DAY,
}
"""How old the event may be that a shipped journey begins with."""


@pytest.mark.parametrize("name", JOURNEYS)
def test_an_event_may_be_as_old_as_the_first_wait_and_a_day_or_as_the_definition_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    store = Store(open_tables(f"sqlite:///{tmp_path}/journeys.db"), {name: JOURNEYS[name]})
    path = tmp_path / "events.ndjson"
    for customer, age in (("in time", OLDEST[name]), ("late", OLDEST[name] + MINUTE)):
        event = {"event": JOURNEYS[name].trigger.event, "properties": {"product_id": "tea", "cart_id": "c"}}
        told = {"type": "track", "userId": customer, "timestamp": (START - age).isoformat()}
        with path.open("a") as lines:
            lines.write(json.dumps({**event, **told}) + "\n")

    with caplog.at_level(logging.WARNING):
        Feed(path, store, lambda: START).read()

    assert [run.customer_id for run in store.runs()] == ["in time"]
    assert f"{name}: 1 events were too old to begin a run" in caplog.text
    store.engine.dispose()


def test_a_long_import_of_old_events_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(open_tables(f"sqlite:///{tmp_path}/journeys.db"), JOURNEYS)
    path, at = tmp_path / "events.ndjson", (START - 365 * DAY).isoformat()
    lines = [
        {"type": "track", "userId": f"c{number}", "event": "app_opened", "timestamp": at}
        for number in range(450)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    feed = Feed(path, store, lambda: START)

    while feed.read():
        pass

    assert [each.message for each in caplog.records] == [
        "lucky_wheel: 450 events were too old to begin a run"
    ]
    store.engine.dispose()


def asked_of(history: History) -> list[tuple[datetime, Decide | Suggest]]:
    """What was asked, with the moment of the wait, or of the event, that led to it."""
    return [
        (before.due_at if isinstance(signal, Due) and before.due_at else signal.at, command)
        for (before, _, _), (_, commands, signal) in pairwise(history)
        for command in commands
        if isinstance(command, Decide | Suggest) and isinstance(signal, Due | Event)
    ]


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_what_is_asked_may_be_asked_for_a_day_after_the_moment_that_it_was_meant_for(
    name: str, happening: list[Due]
) -> None:
    for meant, command in asked_of(play(name, happening)):
        assert command.until <= meant + DAY


@given(names, things)
@settings(max_examples=100, deadline=None)
def test_a_message_may_go_out_while_its_hour_lasts_and_its_coupon_lives(
    name: str, happening: list[Due]
) -> None:
    for run, commands, _ in play(name, happening):
        for command in commands:
            if isinstance(command, Send):
                assert command.until > run.now
                assert command.until <= (command.decision.send_at or run.now) + SLOT
                assert command.decision.coupon is None or command.until <= command.decision.coupon.expires_at


def at(minute: int) -> Callable[[Decide, datetime], Decision]:
    """Decisions to send at that minute of an hour to come."""

    def decide(asked: Decide, now: datetime) -> Decision:
        return replace(acting(asked, now), send_at=(now + 2 * HOUR).replace(minute=minute))

    return decide


@pytest.mark.parametrize(("minute", "grace"), [(0, SLOT), (30, SLOT), (40, PART)])
def test_of_an_hour_that_had_begun_only_a_quarter_is_used_as_quiet_hours_may_follow(
    minute: int, grace: timedelta
) -> None:
    told: Story = story("cart_abandonment", decide=at(minute))

    told.tell("added_to_cart", product_id="tea")
    told.pass_time(days=1)

    ((sent_at, sent),) = told.sends
    assert (sent_at, sent.until - sent_at) == (sent.decision.send_at, grace)


def test_whoever_was_away_for_long_is_asked_about_a_week_later_not_for_the_weeks_that_were_missed() -> None:
    told = story("churn_prevention", now=START - 300 * DAY)
    told.tell("purchased")
    told.now = START

    told.signal(Due(at=START))

    asked = told.done[0][1]
    assert isinstance(asked, Decide)
    assert asked.until == START - 209 * DAY
