"""A runner's process is killed in every exchange and at all that it writes down: nothing is sent or decided twice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from journeys.definition_files import load_journeys
from journeys.store import Store
from journeys.tables import open_tables
from tests.databases import POSTGRESQL, SQLITE, new_database
from tests.journeys.dying_runner import dying_runner
from tests.journeys.outside import mailbox, rote_service, runner, tell, track
from tests.running import wait_for

pytestmark = pytest.mark.slow

MOMENTS = {
    "decide asked": 1,
    "decide done": 1,
    "mail asked": 0,
    "mail done": 0,
    "outcomes asked": 2,
    "outcomes done": 2,
}
"""How often a message's outcome is told, with a kill at that moment.

Killed between the claim and its result, nobody knows what became of the message: it is not sent again, nothing is told.
"""


WITHIN = {
    "take done": (1, 1),
    "ring done": (1, 1),
    "begun": (1, 1),
    "answer Suggested": (1, 1),
    "answer Suggested done": (1, 1),
    "answer Decided": (1, 1),
    "answer Decided done": (1, 1),
    "claim done": (0, 0),
    "settle": (1, 0),
    "settle done": (1, 1),
    "answer Sent": (1, 1),
    "answer Sent done": (1, 1),
}
"""How many messages and outcomes come of a kill before or after what the runner writes down, in the order that it does."""
OF_A_DATABASE = ("ring done", "begun", "claim done", "answer Sent")
"""Where it depends on locks and transactions, which PostgreSQL has others of."""


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path}/journeys.db"
        return
    with new_database(request.getfixturevalue("postgres_socket")) as url:
        yield url


@dataclass
class Killer:
    """Kills a process at a moment, once it is set to."""

    process: subprocess.Popen[str] | None = None
    wanted: str = ""

    def __call__(self, now: str) -> None:
        if now == self.wanted and self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)


def one_customer(customer: str) -> list[dict[str, Any]]:
    """Somebody who can be mailed left a cart four hours ago."""
    traits, now = {"email": f"{customer}@example.com"}, datetime.now(UTC).isoformat()
    told = {"type": "identify", "userId": customer, "traits": traits, "timestamp": now}
    return [told, track(customer, "added_to_cart", 4, product_id="tea", cart_id="cart-1")]


def test_killed_in_any_exchange_it_sends_nothing_twice_and_decides_nothing_twice(tmp_path: Path) -> None:
    events, killer, moments = tmp_path / "events.ndjson", Killer(), list(MOMENTS)
    database = f"sqlite:///{tmp_path}/journeys.db"
    store = Store(open_tables(database), load_journeys())
    with rote_service() as service, mailbox() as box:
        service.at = box.at = killer
        for number, moment in enumerate((*moments, "")):
            n_told = sum(MOMENTS[earlier] for earlier in moments[:number])
            with runner(tmp_path, service.address, box, database) as process:
                wait_for(
                    lambda n_told=n_told: service.n_told == n_told and all(run.ended for run in store.runs()),
                    seconds=30,
                    what=f"what the kill before {moment!r} left unfinished",
                )
                if not moment:
                    process.send_signal(signal.SIGINT)
                    assert process.wait(timeout=20) == 0
                    break
                killer.process, killer.wanted = process, moment
                tell(events, *one_customer(f"c{number}"))
                process.wait(timeout=30)
                killer.process = None
    store.engine.dispose()

    reached = [address for address, _, _ in box.received]
    assert sorted(reached) == [f"c{n}@example.com" for n in range(len(moments))], "each one, once"
    assert len(service.decisions) == len(moments)
    assert service.n_asked > len(service.decisions), (
        "a decision that was asked for again is the one that was made"
    )
    assert {outcome["kind"] for outcome in service.outcomes.values()} == {"delivered"}


def test_killed_before_or_after_whatever_it_writes_down_it_sends_nothing_twice_and_decides_nothing_twice(
    tmp_path: Path, database: str
) -> None:
    events, die_at = tmp_path / "events.ndjson", tmp_path / "die_at"
    die_at.touch()
    moments = list(WITHIN) if database.startswith("sqlite") else list(OF_A_DATABASE)
    expected = [WITHIN[moment] for moment in moments]
    store = Store(open_tables(database), load_journeys())
    with rote_service(complements=("butter",)) as service, mailbox() as box:
        (tmp_path / "channels.yaml").write_text(box.channels, encoding="utf-8")
        for number, moment in enumerate((*moments, "")):
            n_told = sum(told for _, told in expected[:number])
            with dying_runner(tmp_path, service.address, database) as process:
                wait_for(
                    lambda n_told=n_told: (
                        len(service.outcomes) == n_told and all(run.ended for run in store.runs())
                    ),
                    seconds=30,
                    what=f"what the kill before {moment!r} left unfinished",
                )
                if moment:
                    die_at.write_text(moment)
                    tell(events, *one_customer(f"c{number}"))
                    process.join(30)
                    assert process.exitcode == -signal.SIGKILL, moment
                    die_at.write_text("")
    store.engine.dispose()

    sent = [address for address, _, _ in box.received]
    assert [sent.count(f"c{number}@example.com") for number in range(len(moments))] == [
        n for n, _ in expected
    ]
    assert len(service.decisions) == len(moments)
    assert {outcome["kind"] for outcome in service.outcomes.values()} == {"delivered"}
