"""The runner of `python -m journeys run` at a time that a file says, printing its messages. Wants folder and address."""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from pathlib import Path

from gardoon_client import Client
from journeys.definition_files import load_journeys
from journeys.feed import Feed
from journeys.runner import Runner, launch
from journeys.sending import Printing
from journeys.store import Store
from journeys.tables import open_tables

folder, service = Path(sys.argv[1]), sys.argv[2]
database = f"sqlite:///{folder}/journeys.db"
store = Store(open_tables(database), load_journeys(folder / "definitions"))


def clock() -> datetime:
    """The time."""
    return datetime.fromisoformat((folder / "now").read_text())


runner = Runner(store=store, client=Client(service), sender=Printing(), clock=clock)
launch(database, "test")
runner.work_until(threading.Event(), Feed(folder / "events.ndjson", store, clock).read, lambda: None)
