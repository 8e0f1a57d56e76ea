"""A process that calls Feast's `get_online_features` on a shape's own online store when it is told to.

    python -m benchmarks.serving.feast_call FOLDER SNAPSHOTS [REDIS]

Registers the views, says `ready`; then, for each line of customers' ids on its input, reads one after another, and says the
microseconds of processor time that a read took.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.serving.processes import BOTH, SERVER_CORE, pin, pin_all


def main() -> None:
    """Measures until its input ends."""
    warnings.simplefilter("ignore")
    folder, snapshots, *redis = sys.argv[1:]
    read = reader(Path(folder), Path(snapshots), *redis)
    read("nobody")
    print("ready", flush=True)
    for line in sys.stdin:
        customers = line.rstrip("\n").split("\t")
        spent = time.process_time()
        for customer in customers:
            read(customer)
        print((time.process_time() - spent) / len(customers) * 1e6, flush=True)


def reader(folder: Path, snapshots: Path, redis: str = "") -> Callable[[str], object]:
    """Reads one customer's features, the feature service having been resolved before; without a Redis from SQLite."""
    from benchmarks.features.stores import feast_on_redis
    from features.schema import FEATURE_SERVICE, JOIN_KEY
    from training.feature_store import apply, open_store

    if redis:
        store = feast_on_redis(folder, snapshots, redis)
    else:
        apply(folder, snapshots)
        store = open_store(folder)
    service = store.get_feature_service(FEATURE_SERVICE)

    def read(customer: str) -> object:
        return store.get_online_features(features=service, entity_rows=[{JOIN_KEY: customer}])

    return read


@dataclass(frozen=True)
class FeastCall:
    """Such a process; `wait` before it is told to measure."""

    process: subprocess.Popen[str]

    def wait(self) -> None:
        """Return when the views are registered, from then on on the servers' core. Raises `RuntimeError` where it ended."""
        assert self.process.stdout is not None
        while (line := self.process.stdout.readline()) != "ready\n":  # Feast prints what it registers first
            if not line:
                raise RuntimeError("the process that calls Feast ended")
        pin_all([psutil.Process(self.process.pid)], (SERVER_CORE,))

    def processor_us(self, customers: Sequence[str]) -> float:
        """Microseconds of processor time that reading one of these customers took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\t".join(customers) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def feast_call(folder: Path, snapshots: Path, redis: str = "") -> Iterator[FeastCall]:
    """The process, starting; ended afterwards."""
    command = [sys.executable, "-m", "benchmarks.serving.feast_call", str(folder), str(snapshots)]
    with subprocess.Popen(
        command + [redis] * bool(redis),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        pin(BOTH, process.pid)
        try:
            yield FeastCall(process)
        finally:
            process.kill()


if __name__ == "__main__":
    main()
