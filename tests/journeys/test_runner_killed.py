"""A real runner process is killed at every kind of moment: nothing is sent twice, nothing is decided twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.outside import Mailbox, RoteService, mailbox, rote_service
from tests.running import ROOT, wait_for

pytestmark = pytest.mark.slow

MOMENTS = ("decide asked", "decide done", "mail asked", "mail done", "outcomes asked", "outcomes done")
NOBODY_KNOWS = ("mail asked", "mail done")
"""Killed between the claim and its result: such a message is not sent again, and nothing is told of it."""


def track(customer: str, event: str, hours_ago: float, **properties: Any) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    message = {"messageId": f"{customer}-{event}", "userId": customer, "timestamp": at.isoformat()}
    return {"type": "track", "event": event, "properties": properties, **message}


def tell(events: Path, *messages: dict[str, Any]) -> None:
    with events.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(message) + "\n" for message in messages)


@contextmanager
def runner(folder: Path, service: RoteService, box: Mailbox) -> Iterator[subprocess.Popen[str]]:
    """`python -m journeys run`, ready."""
    channels = folder / "channels.yaml"
    channels.write_text(box.channels, encoding="utf-8")
    options = {"events": folder / "events.ndjson", "service": service.address, "channels": channels}
    command = [sys.executable, "-m", "journeys", "run", "--database", f"sqlite:///{folder}/journeys.db"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with (folder / "runner.log").open("a") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        assert "running" in process.stdout.readline(), (folder / "runner.log").read_text()
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdout.close()


def test_killed_at_any_moment_it_sends_nothing_twice_and_decides_nothing_twice(tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    with rote_service() as service, mailbox() as box:
        for customer, moment in enumerate(MOMENTS):
            address = f"c{customer}@example.com"
            told = {"type": "identify", "userId": f"c{customer}", "traits": {"email": address}}
            tell(events, {**told, "timestamp": datetime.now(UTC).isoformat()})
            tell(events, track(f"c{customer}", "added_to_cart", 4, product_id="tea", cart_id="cart-1"))
            with runner(tmp_path, service, box) as process:

                def kill(now: str, wanted: str = moment, process: subprocess.Popen[str] = process) -> None:
                    if now == wanted:
                        os.kill(process.pid, signal.SIGKILL)

                service.at = box.at = kill
                process.wait(timeout=30)
            service.at = box.at = lambda _: None

        with runner(tmp_path, service, box) as process:
            wait_for(
                lambda: len(service.outcomes) == len(MOMENTS) - len(NOBODY_KNOWS),
                seconds=30,
                what="every outcome",
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0

    reached = [address for address, _, _ in box.received]
    assert sorted(reached) == [f"c{n}@example.com" for n in range(len(MOMENTS))], "each one, once"
    assert len(service.decisions) == len(MOMENTS)
    assert service.n_asked > len(service.decisions), (
        "a decision that was asked for again is the one that was made"
    )
    assert {outcome["kind"] for outcome in service.outcomes.values()} == {"delivered"}
