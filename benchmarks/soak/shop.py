"""A shop that runs: all parts up, prepared as `make run` prepares them, on loopback and free ports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.soak.rules import write_rules
from benchmarks.soak.stack import ROOT, Part, Postgres, Program, free_port, learner, redis, worker

LEARNERS = 2
DECISION_POINTS = Path(__file__).parent / "decision_points"


@dataclass(frozen=True)
class Shop:
    """The parts that may be killed, by kind; where workers listen; the environment that every process has."""

    parts: dict[str, list[Part]]
    learners: list[Program]
    ports: list[int]
    environment: dict[str, str]

    @property
    def log_url(self) -> str:
        """The address of the log."""
        return self.environment["GARDOON_DATABASE_URL"]

    @property
    def rules(self) -> Path:
        """The folder of the decision points."""
        return Path(self.environment["GARDOON_DECISION_POINTS"])


@contextmanager
def running(folder: Path, var: Path, workers: int) -> Iterator[Shop]:
    """The shop, on a copy of the data and registry under `var`, as long as the block lasts."""
    store = redis(folder, free_port())
    postgres = Postgres(folder / "postgres")
    local = datetime.now(UTC).astimezone(ZoneInfo(usual_zone(var)))
    environment = {
        "GARDOON_VAR": str(folder / "var"),
        "GARDOON_DATABASE_URL": postgres.url,
        "GARDOON_REDIS": f"127.0.0.1:{store.command[store.command.index('--port') + 1]}",
        "GARDOON_REGISTRY": f"sqlite:///{folder / 'registry.db'}",
        "GARDOON_SNAPSHOTS": str(folder / "var" / "snapshots"),
        "GARDOON_FEATURE_STORE_YAML": str(ROOT / "feature_repo" / "feature_store.production.yaml"),
        "GARDOON_DECISION_POINTS": str(write_rules(DECISION_POINTS, folder / "decision_points", local)),
        "GARDOON_LEARN_SECONDS": "0.5",
        "GARDOON_POLL_SECONDS": "0.5",
    }
    up: list[Part] = [postgres]
    try:
        store.start()
        up.append(store)
        _fill(folder, var, environment)
        ports = [free_port() for _ in range(workers)]
        learners = [learner(folder, number, environment) for number in range(LEARNERS)]
        serving = [worker(folder, port, environment) for port in ports]
        for part in (*learners, *serving):
            up.append(part)
            part.start()
        parts: dict[str, list[Part]] = {"worker": [*serving], "redis": [store], "postgresql": [postgres]}
        yield Shop(parts, learners, ports, environment)
    finally:
        for part in reversed(up):
            part.stop()


def _fill(folder: Path, var: Path, environment: dict[str, str]) -> None:
    """The registry and data of `make run`, with the features in this Redis."""
    ignored = shutil.ignore_patterns("log.db*", "packages", "peers", "reports")
    shutil.copytree(var, folder / "var", ignore=ignored)
    steps = "from training.prepare import build_features, fill_online_store as fill"
    places = "Places(var=Path(os.environ['GARDOON_VAR']), feature_store_yaml=Path(os.environ['GARDOON_FEATURE_STORE_YAML']))"
    code = f"import os; from pathlib import Path; from training.places import Places; {steps}; places = {places}; "
    with (folder / "prepare.out").open("w") as out:
        subprocess.run(
            [sys.executable, "-c", code + "print(build_features(places)); print(fill(places))"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=True,
        )


def customer_ids(var: Path) -> list[str]:
    """The customers of the data set."""
    return _column(var, "customer_id")


def usual_zone(var: Path) -> str:
    """The zone of most customers."""
    return Counter(_column(var, "time_zone")).most_common(1)[0][0]


def _column(var: Path, name: str) -> list[str]:
    import pyarrow.parquet as pq

    table = pq.read_table(var / "data" / "complete-journey" / "customers.parquet", columns=[name])
    return [str(each) for each in table[name].to_pylist()]
