"""Gardoon in its two shapes, with the models of `make run` and a base of its customers under new ids.

Everybody is asked about once, so that no cap and no draw of the day makes an answer shorter than a decision. The journeys
are the product's own but for the wheel's budget of a day, which a benchmark would spend in seconds. `ENDURANCE` is the wheel
without its draw a day and its cap, for asking about the same customers again and again.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import yaml
from sqlalchemy import create_engine, text

from benchmarks.features.batches import on_servers, on_sqlite, sync, tile
from benchmarks.serving.load import post
from benchmarks.serving.processes import family, seconds_of
from features.online import read_settings
from features.schema import JOIN_KEY
from service.settings import Settings
from training.places import Places

WHEEL, CHURN, ENDURANCE = "lucky_wheel", "churn_prevention", "endurance"
EMBEDDED, PRODUCTION = "embedded", "production"
SERVE = [sys.executable, "-m", "service", "serve", "--port", "{port}"]
LOG_MB = 1024
"""Of PostgreSQL's log to use again: its own default for what may be between two checkpoints."""
READY, DECIDE = "/readyz", "/v1/decide"
SNAPSHOTS = "snapshots"


class OutOfCustomersError(RuntimeError):
    """Everybody in the base has been asked about: it has to be larger."""


@dataclass
class Shape:
    """Where one shape's data are, and who has not been asked about."""

    name: str
    folder: Path
    environment: dict[str, str]
    servers: Sequence[psutil.Process]
    """Those that work for the service: PostgreSQL and Redis."""
    customers: list[str]
    _taken: int = field(default=0, init=False)

    @property
    def redis(self) -> str:
        """The address of the online store's Redis. Only in production."""
        store = read_settings(Path(self.environment["GARDOON_FEATURE_STORE_YAML"]))["online_store"]
        return str(store["connection_string"])

    def take(self, count: int) -> list[str]:
        """So many customers whom nobody was asked about. Raises `OutOfCustomersError`."""
        self._taken += count
        if self._taken > len(self.customers):
            raise OutOfCustomersError(
                f"{len(self.customers):,} customers are too few: --customers gives more"
            )
        return self.customers[self._taken - count : self._taken]

    def give_back(self, count: int) -> None:
        """The last of those taken were not asked about."""
        self._taken -= count

    def servers_s(self) -> float:
        """Processor time of PostgreSQL and Redis so far."""
        return seconds_of(family(self.servers))


def decide_body(customer: str, journey: str) -> bytes:
    """The body that asks for everything a journey decides."""
    return json.dumps({"customer_id": customer, "journey": journey}).encode()


def decide_requests(customers: Sequence[str], journey: str) -> list[bytes]:
    """A request about each."""
    return [post(DECIDE, decide_body(customer, journey)) for customer in customers]


@contextmanager
def prepared(var: Path, folder: Path, customers: int) -> Iterator[dict[str, Shape]]:
    """Both shapes by name, with one base of so many customers; `var` is what `python -m training prepare` made."""
    own = {
        "GARDOON_DECISION_POINTS": str(write_points(folder / "points")),
        "GARDOON_MLFLOW_TRACKING_URI": Settings(var=var.absolute()).registry_uri,
        "GARDOON_RATE_LIMIT": "1000000/second",
    }
    snapshots = tile(Places(var=var).snapshots, folder / SNAPSHOTS, customers)
    names = pq.read_table(snapshots / "list.parquet")[JOIN_KEY].to_pylist()
    with ExitStack() as stack:
        found = {}
        for name, serving in ((EMBEDDED, on_sqlite), (PRODUCTION, on_servers)):
            place = folder / name
            place.mkdir()
            given, servers = stack.enter_context(serving(place, snapshots))
            if name == PRODUCTION:
                let_run_in(given["GARDOON_DATABASE_URL"])
            sync(var, given | own)
            found[name] = Shape(name, place, given | own, servers, names)
        yield found


def let_run_in(url: str) -> None:
    """Leave PostgreSQL files of its log to use again, as it has after its first hours.

    A fresh one makes each file as it grows into it, and nothing commits meanwhile: 57 ms for 16 MB here.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for size in ("min_wal_size", "max_wal_size"):
            connection.execute(text(f"ALTER SYSTEM SET {size} = '{LOG_MB}MB'"))
        connection.execute(text("SELECT pg_reload_conf()"))
        for _ in range(LOG_MB):
            connection.execute(text("SELECT pg_logical_emit_message(false, 'run-in', repeat('x', 1048576))"))
        connection.execute(text("CHECKPOINT"))
        connection.execute(text("SELECT pg_switch_wal()"))
        connection.execute(text("CHECKPOINT"))
    engine.dispose()


def write_points(folder: Path) -> Path:
    """The product's journeys, the wheel's budget beyond reach, and the endurance journey."""
    shutil.copytree(Settings().decision_points, folder)
    wheel = _read(folder / f"{WHEEL}.yaml")
    wheel["coupon"]["daily_budget"] = 10**12
    _write(folder / f"{WHEEL}.yaml", wheel)
    del wheel["coupon"]["once_per"]
    _write(folder / f"{ENDURANCE}.yaml", wheel | {"journey": ENDURANCE, "salt": ENDURANCE, "caps": []})
    return folder


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
