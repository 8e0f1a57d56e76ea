"""A real runner process is killed at every kind of moment: nothing is sent twice, nothing is decided twice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.databases import POSTGRESQL, SQLITE, new_database
from tests.journeys.outside import mailbox, rote_service, runner, tell, track
from tests.running import wait_for

pytestmark = pytest.mark.slow

MOMENTS = ("decide asked", "decide done", "mail asked", "mail done", "outcomes asked", "outcomes done")
NOBODY_KNOWS = {"mail asked", "mail done"}
"""Killed between the claim and its result: such a message is not sent again, and nothing is told of it."""


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path}/journeys.db"
        return
    with new_database(request.getfixturevalue("postgres_socket")) as url:
        yield url


def test_killed_at_any_moment_it_sends_nothing_twice_and_decides_nothing_twice(
    tmp_path: Path, database: str
) -> None:
    events = tmp_path / "events.ndjson"
    moments = MOMENTS if database.startswith("sqlite") else ("decide done", "mail done")
    with rote_service() as service, mailbox() as box:
        for customer, moment in enumerate(moments):
            address = f"c{customer}@example.com"
            told = {"type": "identify", "userId": f"c{customer}", "traits": {"email": address}}
            tell(events, {**told, "timestamp": datetime.now(UTC).isoformat()})
            tell(events, track(f"c{customer}", "added_to_cart", 4, product_id="tea", cart_id="cart-1"))
            with runner(tmp_path, service.address, box, database) as process:

                def kill(now: str, wanted: str = moment, process: subprocess.Popen[str] = process) -> None:
                    if now == wanted:
                        os.kill(process.pid, signal.SIGKILL)

                service.at = box.at = kill
                process.wait(timeout=30)
            service.at = box.at = lambda _: None

        with runner(tmp_path, service.address, box, database) as process:
            wait_for(
                lambda: len(service.outcomes) == len(moments) - len(NOBODY_KNOWS & set(moments)),
                seconds=30,
                what="every outcome",
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0

    reached = [address for address, _, _ in box.received]
    assert sorted(reached) == [f"c{n}@example.com" for n in range(len(moments))], "each one, once"
    assert len(service.decisions) == len(moments)
    assert service.n_asked > len(service.decisions), (
        "a decision that was asked for again is the one that was made"
    )
    assert {outcome["kind"] for outcome in service.outcomes.values()} == {"delivered"}
