"""From an event over HTTP to the features that the decision path reads, through a real service and refresher."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from sqlalchemy import Engine

from benchmarks.features.settings import settings_of
from benchmarks.features.stores import STORE_YAML, running_redis
from benchmarks.soak.stack import Postgres, Program, free_port, wait_for
from benchmarks.target import Target
from features.bulk import latest_as_of
from features.online import SqliteFeatureReader
from features.online_redis import RedisFeatureReader
from features.schema import load_schema
from service.store.engine import opened_log
from service.store.stale_features import read_backlog
from training.online_store import fill_online_store
from training.places import Places

SINGLE, MANY, AT_ONCE = 200, 4_000, 500
P99_MS: Final = 100.0
_Read = Callable[[str], Any]


@dataclass(frozen=True)
class Latency:
    """What was measured of one shape; milliseconds from before the request to the feature read back."""

    p50_ms: float
    p99_ms: float
    processor_ms: float
    """Of the refresher, an event that comes alone: a busy machine changes it less."""
    events_per_s: float
    customers_per_s: float
    peak_mb: float


def measure_latency(var: Path, folder: Path) -> dict[str, Latency]:
    """What was measured by shape; `var` is where `python -m training prepare` made a data set and its snapshots."""
    folder.mkdir()
    found = {}
    for name, shape in {"SQLite": _on_sqlite, "PostgreSQL and Redis": _on_servers}.items():
        with shape(var, folder / name.split()[0]) as (environment, url, read):
            found[name] = _measure(var, environment, url, read)
    return found


def latency_targets(measured: Mapping[str, Latency]) -> list[Target]:
    """The lines of the result."""
    return [
        target
        for name, latency in measured.items()
        for target in (
            Target(f"event to feature on {name}, ms, p50", latency.p50_ms, "at most", P99_MS / 2),
            Target(f"event to feature on {name}, ms, p99", latency.p99_ms, "at most", P99_MS),
            Target(f"refresher on {name}, ms of processor an event", latency.processor_ms, "at most", P99_MS),
            Target(f"refresher on {name}, events/s", latency.events_per_s, "at least", 200.0),
            Target(f"refresher on {name}, customers/s", latency.customers_per_s, "at least", 50.0),
            Target(f"refresher on {name}, peak memory, MB", latency.peak_mb, "at most", 1_000.0),
        )
    ]


@contextmanager
def _on_sqlite(var: Path, folder: Path) -> Iterator[tuple[dict[str, str], str, _Read]]:
    places = _places(var, folder, None)
    with closing(SqliteFeatureReader(database=places.feast / "online.db", schema=load_schema())) as reader:
        yield {"GARDOON_VAR": str(folder)}, places.log_url, reader.read


@contextmanager
def _on_servers(var: Path, folder: Path) -> Iterator[tuple[dict[str, str], str, _Read]]:
    folder.mkdir()
    with ExitStack() as stack:
        address = stack.enter_context(running_redis(folder))
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="gardoon-postgres-"))
        Path(data).chmod(0o755)  # root runs the server as a user of its own
        postgres = Postgres(Path(data) / "data")
        stack.callback(postgres.stop)
        settings = folder / "feature_store.yaml"
        settings.write_text(STORE_YAML.format(folder=folder, address=address), encoding="utf-8")
        _places(var, folder, settings)
        reader = RedisFeatureReader(settings=settings_of(address), schema=load_schema())
        stack.enter_context(closing(reader))
        environment = {"GARDOON_VAR": str(folder), "GARDOON_FEATURE_STORE_YAML": str(settings)}
        yield {**environment, "GARDOON_DATABASE_URL": postgres.url}, postgres.url, reader.read


def _places(var: Path, folder: Path, settings: Path | None) -> Places:
    """A folder with the prepared data set and snapshots, and a store filled from them as if they ended now."""
    folder.mkdir(exist_ok=True)
    (folder / "data").symlink_to((var / "data").absolute())
    shutil.copytree(var / "feast" / "snapshots", folder / "feast" / "snapshots")
    places = Places(var=folder, feature_store_yaml=settings)
    fill_online_store(places, as_of=latest_as_of(places.snapshots), served_at=datetime.now(UTC))
    return places


def _measure(var: Path, environment: dict[str, str], url: str, read: _Read) -> Latency:
    profiles = pq.read_table(var / "feast" / "snapshots" / "profile.parquet", columns=["customer_id"])
    customers: list[str] = profiles["customer_id"].unique().to_pylist()
    folder, port = Path(environment["GARDOON_VAR"]), free_port()
    with ExitStack() as stack:
        engine = stack.enter_context(opened_log(url))
        for command in (["serve", "--port", str(port)], ["refresh"]):
            program = [sys.executable, "-m", "service", *command]
            part = Program(command[0], program, {**environment}, folder / f"{command[0]}.out")
            part.start()
            stack.callback(part.stop)
        assert part.process is not None
        wait_for(lambda: part.last_said("refreshing") is not None, seconds=60, what="the refresher")
        connection = http.client.HTTPConnection("127.0.0.1", port)
        wait_for(lambda: _answers(connection), seconds=60, what="the service")
        for who in customers[:3]:
            _one(connection, read, who)
        spent_s = _processor_s(part.process.pid)
        waited = [_one(connection, read, who) for who in customers[3 : 3 + SINGLE]]
        spent_s = _processor_s(part.process.pid) - spent_s
        events_per_s, customers_per_s = _many(connection, engine, customers)
        return Latency(
            p50_ms=float(np.percentile(waited, 50)) * 1e3,
            p99_ms=float(np.percentile(waited, 99)) * 1e3,
            processor_ms=spent_s / SINGLE * 1e3,
            events_per_s=events_per_s,
            customers_per_s=customers_per_s,
            peak_mb=_peak_mb(part.process.pid),
        )


def _answers(connection: http.client.HTTPConnection) -> bool:
    try:
        return _post(connection, "/v1/track", _view("nobody of the measurement"))
    except OSError:
        connection.close()
        return False


def _one(connection: http.client.HTTPConnection, read: _Read, who: str) -> float:
    """Seconds until a page view counts."""
    before = _views(read, who)
    began = time.perf_counter()
    assert _post(connection, "/v1/track", _view(who))
    while _views(read, who) == before:
        assert time.perf_counter() - began < 30, f"no feature of {who} changed"
        time.sleep(0.001)
    return time.perf_counter() - began


def _many(
    connection: http.client.HTTPConnection, engine: Engine, customers: Sequence[str]
) -> tuple[float, float]:
    """Events a second sent in batches, and customers refreshed a second, until nothing waits."""
    senders = customers[: MANY // 4]
    began = time.perf_counter()
    for start in range(0, MANY, AT_ONCE):
        sent = [{"type": "track", **_view(senders[n % len(senders)])} for n in range(start, start + AT_ONCE)]
        assert _post(connection, "/v1/batch", {"batch": sent})
    while _waiting(engine):
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    return MANY / seconds, len(senders) / seconds


def _waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return read_backlog(connection).length


def _views(read: _Read, who: str) -> float:
    row = read(who).views.get("funnel")
    return float(row.values["product_views_1d"]) if row else 0.0


def _view(who: str) -> dict[str, Any]:
    return {
        "userId": who,
        "event": "product_viewed",
        "messageId": uuid.uuid4().hex,
        "properties": {"product_id": "p"},
    }


def _post(connection: http.client.HTTPConnection, path: str, body: dict[str, Any]) -> bool:
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def _peak_mb(pid: int) -> float:
    """The most memory that the process has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _processor_s(pid: int) -> float:
    """The processor time that the process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
