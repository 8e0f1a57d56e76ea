"""A runner's process that kills itself before or after something that it writes down, at the moment that a file names."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from journeys.cli import utc_now
from journeys.definition_files import load_journeys
from journeys.signal import Event
from journeys.store import Answer, Claim, Status, Store
from journeys.tables import open_tables

JOURNEY = "cross_sell"
"""Every kind of step is in it: it waits, suggests, decides, sends."""

_processes = get_context("forkserver")  # which imports once what each of them needs
_processes.set_forkserver_preload([__name__, "apprise", "journeys.runner"])


class DyingStore(Store):
    """Dies at the moment that the file `die_at` has in it."""

    die_at: Path

    def _reach(self, moment: str) -> None:
        if self.die_at.read_text() == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def take(self, event_id: str, event: Event, now: datetime) -> bool:
        """As it is, and then perhaps the end."""
        is_new = super().take(event_id, event, now)
        self._reach("take done")
        return is_new

    def ring(self, now: datetime) -> int:
        """As it is, and then perhaps the end."""
        n_runs = super().ring(now)
        if n_runs:
            self._reach("ring done")
        return n_runs

    def begun(self, action: str) -> None:
        """As it is, if this is not the end."""
        self._reach("begun")
        super().begun(action)

    def answer(self, run_id: str, answer: Answer) -> None:
        """As it is, between two moments that may be the end."""
        self._reach(f"answer {type(answer).__name__}")
        super().answer(run_id, answer)
        self._reach(f"answer {type(answer).__name__} done")

    def claim(self, run_id: str, action: str) -> Claim:
        """As it is, and then perhaps the end."""
        claim = super().claim(run_id, action)
        self._reach("claim done")
        return claim

    def settle(self, action: str, status: Status) -> None:
        """As it is, between two moments that may be the end."""
        self._reach("settle")
        super().settle(action, status)
        self._reach("settle done")


def run(folder: Path, service: str, database: str) -> None:
    """What `python -m journeys run` does, for one journey, with such a store."""
    from gardoon_client import Client
    from journeys.feed import Feed
    from journeys.runner import Runner, launch
    from journeys.sending import load_channels

    store = DyingStore(open_tables(database), {JOURNEY: load_journeys()[JOURNEY]})
    store.die_at = folder / "die_at"
    sender = load_channels(folder / "channels.yaml")
    runner = Runner(store=store, client=Client(service), sender=sender, clock=utc_now)
    launch(database, "local")
    runner.work_until(threading.Event(), Feed(folder / "events.ndjson", store, utc_now).read, lambda: None)


@contextmanager
def dying_runner(folder: Path, service: str, database: str) -> Iterator[BaseProcess]:
    """Such a process; killed at the end if it still runs."""
    process = _processes.Process(target=run, args=(folder, service, database))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)
