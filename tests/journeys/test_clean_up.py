"""What is over is let go of, and what comes later is the same as if it had been kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, func, select

from journeys.clean_up import AT_ONCE, let_go_of_events, let_go_of_runs
from journeys.run import Run
from journeys.signal import Event
from journeys.store import Store
from journeys.tables import EVENT, METADATA, RUN, SENDING, open_tables
from tests.journeys.stories import JOURNEYS, START

DAY = timedelta(days=1)
KEEP = 90 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(open_tables(f"sqlite:///{tmp_path}/journeys.db"), JOURNEYS)
    yield found
    found.engine.dispose()


def tell(store: Store, name: str, at: datetime, *, now: datetime | None = None, customer: str = "c1") -> None:
    """An event about the cart and the product `tea`, under an id of its own; heard of when it happens, unless said."""
    about = {"product_id": "tea", "cart_id": "tea", "products": [{"product_id": "tea"}]}
    event = Event(name=name, at=at, customer_id=customer, properties=about)
    store.take(f"{customer} {name} {at.isoformat()}", event, now or at)


def begun(store: Store, journey: str) -> list[datetime]:
    return [run.entered_at for run in store.runs() if run.journey == journey]


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(METADATA.tables[table])) or 0


def test_runs_that_ended_go_with_their_messages_and_those_that_go_on_stay(store: Store) -> None:
    tell(store, "added_to_cart", START)
    store.claim("nobody's", "a message of another run")
    (run,) = [run for run in store.runs() if run.journey == "cart_abandonment"]
    ended = replace(run, visit=2, ended="done")
    with store.engine.begin() as connection:
        connection.execute(RUN.update().where(RUN.c.id == run.id).values(**over(ended)))
        connection.execute(SENDING.insert(), [{"action": f"{run.id}/2"}, {"action": "another's"}])

    gone = [let_go_of_runs(store, now=START + days * DAY, keep=KEEP) for days in (89, 91)]

    assert gone == [0, 1]
    assert {run.journey for run in store.runs()} == {"cross_sell"}
    assert count(store.engine, "journey_sending") == 1


def over(run: Run) -> dict[str, object]:
    from journeys.as_text import write_run

    return {"is_over": True, "ended_at": run.now.timestamp(), "due_at": None, "state": write_run(run)}


def test_re_entry_counts_from_a_run_that_ended_long_ago(store: Store) -> None:
    """`follow_pages` lets a customer in again after 180 days, and a purchase may be three days old when it is told."""
    tell(store, "purchased", START)
    tell(store, "page_followed", START + DAY)
    store.ring(START + 2 * DAY)

    n_gone = [let_go_of_runs(store, now=START + days * DAY, keep=KEEP) for days in (100, 184)]
    tell(store, "purchased", START + 181 * DAY, now=START + 184 * DAY)
    tell(store, "purchased", START + 183 * DAY, now=START + 184 * DAY)

    assert n_gone == [0, 0]
    assert begun(store, "follow_pages") == [START, START + 183 * DAY]


@pytest.mark.parametrize("days", [0.5, 95, 200, 360])
def test_history_told_again_after_its_events_were_let_go_of_changes_nothing(
    store: Store, days: float
) -> None:
    times = [START, START + DAY, START + 30 * DAY]
    for at in times:
        tell(store, "purchased", at)
    now = times[-1] + days * DAY
    let_go_of_runs(store, now=now, keep=KEEP)
    let_go_of_events(store.engine, before=now - KEEP)
    before = [run for run in store.runs() if run.journey == "churn_prevention"]

    for at in times:
        tell(store, "purchased", at, now=now)

    assert [run for run in store.runs() if run.journey == "churn_prevention"] == before
    assert before[-1].ended is None


def test_events_go_by_their_age_however_many_there_are(store: Store) -> None:
    with store.engine.begin() as connection:
        rows = [{"id": f"old {number}", "at": START.timestamp()} for number in range(2 * AT_ONCE + 1)]
        connection.execute(EVENT.insert(), [*rows, {"id": "new", "at": (START + DAY).timestamp()}])

    assert let_go_of_events(store.engine, before=START + DAY) == 2 * AT_ONCE + 1
    assert count(store.engine, "journey_event") == 1


def test_tables_of_an_earlier_version_are_brought_forward_with_what_they_hold(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journeys.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE journey_event (id VARCHAR(128) PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO journey_event VALUES ('of then')")
    engine.dispose()

    for _ in range(2):
        engine = open_tables(url)
        n_gone = let_go_of_events(engine, before=START)
        engine.dispose()

    assert n_gone == 0
    assert count(engine, "journey_event") == 1
    engine.dispose()
