"""A real runner that begins after a long outage asks and sends nothing that is too late; what is over is let go of."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dbos import DBOSClient
from typer.testing import CliRunner

from journeys.clean_up import LetGo, clean_up
from journeys.cli import app
from journeys.definition_files import load_journeys
from journeys.runner import workflow_url
from journeys.signal import Decided, Decision, Event
from journeys.store import Store
from journeys.tables import open_tables
from tests.databases import POSTGRESQL, SQLITE, new_database
from tests.journeys.outside import Mailbox, RoteService, mailbox, rote_service, runner
from tests.running import wait_for

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
KEEP = timedelta(days=90)


@dataclass
class Outage:
    """What a runner left undone, was begun again, and found."""

    database: str
    store: Store
    service: RoteService
    box: Mailbox


@pytest.fixture(scope="module", params=[SQLITE, POSTGRESQL])
def outage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    """One customer's decision and another's message waited in the outbox, for longer than they may; a third's did not."""
    folder: Path = tmp_path_factory.mktemp("away")
    if request.param == POSTGRESQL:
        with new_database(request.getfixturevalue("postgres_socket")) as url:
            yield from after_outage(folder, url)
    else:
        yield from after_outage(folder, f"sqlite:///{folder}/journeys.db")


def after_outage(folder: Path, database: str) -> Iterator[Outage]:
    now, journeys = datetime.now(UTC), load_journeys()
    store = Store(open_tables(database), {"cart_abandonment": journeys["cart_abandonment"]})
    for customer, hours in (("to be asked", 28), ("to be sent", 4), ("in time", 4)):
        store.tell_traits(customer, {"email": f"{customer.replace(' ', '.')}@example.com"})
        at, cart = now - hours * HOUR, {"cart_id": "c"}
        store.take(customer, Event(name="added_to_cart", at=at, customer_id=customer, properties=cart), at)
        store.ring(at + 3 * HOUR)
    decision = Decision(decision_id="decision", status="act", acts=True, channel="email")
    for action, run_id, command in store.outbox():
        if '"to be sent"' in command:
            store.answer(run_id, Decided(action=action, at=now - HOUR, decision=decision))
            store.begun(action)
    with rote_service() as service, mailbox() as box:
        with runner(folder, service.address, box, database) as process:
            wait_for(lambda: all(run.ended for run in store.runs()), seconds=30, what="the end of all runs")
            wait_for(lambda: service.n_told == 2, seconds=30, what="what became of the messages")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
        yield Outage(database, store, service, box)
    store.engine.dispose()


def test_what_waited_for_too_long_is_neither_asked_nor_sent_and_the_service_hears_of_it(
    outage: Outage,
) -> None:
    told = {each["decision_id"]: each["kind"] for each in outage.service.outcomes.values()}
    ended = {run.customer_id: run.ended for run in outage.store.runs() if run.journey == "cart_abandonment"}

    assert [address for address, _, _ in outage.box.received] == ["in.time@example.com"]
    assert [each["customer_id"] for each in outage.service.decisions.values()] == ["in time"]
    assert ended == {"to be asked": "late", "to be sent": "done", "in time": "done"}
    assert told.pop("decision") == "undelivered"
    assert list(told.values()) == ["delivered"]


def test_what_is_over_is_let_go_of_with_the_records_of_its_workflows(outage: Outage) -> None:
    client = DBOSClient(system_database_url=workflow_url(outage.database))
    n_workflows = len(client.list_workflows())
    soon = datetime.now(UTC) + KEEP - HOUR

    printed = CliRunner().invoke(app, ["clean-up", "--database", outage.database]).output
    early = clean_up(outage.store, client, now=soon, keep=KEEP)
    gone = clean_up(outage.store, client, now=soon + 30 * HOUR, keep=KEEP)

    assert printed == "let go of 0 runs, 0 events and 0 records of workflows\n"
    assert early.workflows == 0
    assert n_workflows > 0
    assert gone == LetGo(runs=3 - early.runs, events=3 - early.events, workflows=n_workflows)
    assert (outage.store.runs(), client.list_workflows()) == ([], [])
    client.destroy()
