"""The event log as a data set: messages a second, and how memory grows with the log, each log in a process of its own.

python -m benchmarks.features.log_import FOLDER MESSAGES     makes a log there, imports it and prints what that took, as JSON
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.features.fill import peak_mb
from benchmarks.target import Target

SMALL, LARGE = 25_000, 100_000
_AT_ONCE: Final = 10_000
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CALLED: Final = (
    ("product_viewed", {"product_id": "tea"}),
    ("message_clicked", {"channel": "sms", "topic": "win_back"}),
    ("wheel_spun", {"journey": "lucky_wheel", "won": True}),
)


@dataclass(frozen=True)
class Imported:
    """One import: seconds on the clock and of the processor, and its peak memory beside what the process began with."""

    messages: int
    seconds: float
    processor_seconds: float
    peak_mb: float
    start_mb: float


def measure_import(folder: Path, messages: int) -> Imported:
    """The import of a log of so many messages, twenty of a customer, into SQLite."""
    command = [sys.executable, "-m", "benchmarks.features.log_import", str(folder), str(messages)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Imported(**json.loads(done.stdout))


def measure_imports(folder: Path) -> tuple[Imported, Imported]:
    """The import of a log, and of one of four times its messages."""
    return measure_import(folder / str(SMALL), SMALL), measure_import(folder / str(LARGE), LARGE)


def import_targets(measured: tuple[Imported, Imported]) -> list[Target]:
    """The lines of the result."""
    small, large = measured
    growth = (large.peak_mb - large.start_mb) / (small.peak_mb - small.start_mb)
    return [
        Target(
            "import of the event log, messages per second of processor time",
            large.messages / large.processor_seconds,
            "at least",
            10_000,
        ),
        Target(
            "import of the event log, memory beyond the start's, times that of a quarter",
            growth,
            "at most",
            2.0,
        ),
    ]


def main() -> None:
    """`FOLDER MESSAGES`."""
    from training.importing.event_log import LogImport, import_log

    folder, messages = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'log.db'}"
    subprocess.run([sys.executable, "-c", _FILL, url, str(messages)], check=True)
    start_mb, began, processor = peak_mb(), time.perf_counter(), time.process_time()
    import_log(folder, LogImport(log=url, name="log"), datetime.now(UTC))
    told = {"messages": messages, "seconds": time.perf_counter() - began}
    told |= {"processor_seconds": time.process_time() - processor}
    print(json.dumps({**told, "peak_mb": peak_mb(), "start_mb": start_mb}))


_FILL: Final = (
    "import sys; from benchmarks.features.log_import import fill_log; fill_log(sys.argv[1], int(sys.argv[2]))"
)


def fill_log(url: str, messages: int) -> None:
    """A log of so many messages, a tenth of them purchases with a line."""
    from sqlalchemy import insert

    from service.store.engine import opened_log
    from service.store.tables import events

    rng = random.Random(0)
    with opened_log(url) as engine:
        for start in range(0, messages, _AT_ONCE):
            with engine.begin() as connection:
                numbers = range(start, min(start + _AT_ONCE, messages))
                connection.execute(insert(events), list(_rows(rng, numbers, messages // 20)))


def _rows(rng: random.Random, numbers: range, customers: int) -> Iterator[dict[str, Any]]:
    from service.store.engine import microseconds

    for number in numbers:
        name, properties = rng.choice(_CALLED)
        if rng.random() < 0.1:
            line = {"product_id": "tea", "amount": rng.randrange(10**6)}
            name = "purchased"
            properties = {"order_id": f"o{number}", "amount": 7, "currency": "IRT", "products": [line]}
        at = microseconds(_BEGIN + timedelta(seconds=rng.randrange(100 * 86_400)))
        yield {
            "message_id": f"{rng.getrandbits(64):016x}-{number}",
            "customer_id": f"c{rng.randrange(customers)}",
            "anonymous_id": None,
            "type": "track",
            "name": name,
            "occurred_at": at,
            "received_at": at,
            "content": json.dumps({"properties": properties}).encode(),
        }


if __name__ == "__main__":
    main()
