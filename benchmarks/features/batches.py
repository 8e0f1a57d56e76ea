"""Decisions for a whole base by `python -m service decide-batch`: how long, at what price, and how that grows.

    make bench-features     or: python -m benchmarks.features.batches [--million] [--customers N ...] [--shape NAME ...]

The base is that of `make run` over and over, each customer under new ids; the models are its champions. Two processes
decide, on SQLite for everything and on PostgreSQL with Redis. The machine is shared with whatever else runs on it, so the
processor time of a decision is told too: the command's with its processes, and that of the two servers.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from benchmarks.features.settings import settings_of
from benchmarks.features.stores import running_redis
from benchmarks.serving.processes import family, seconds_of
from benchmarks.target import Target, finish
from features.bulk import latest_as_of, read_snapshot, snapshot_path, write_online_store
from features.bulk_redis import write_redis_store
from features.schema import JOIN_KEY, load_schema
from service.bulk.preparing import PART_ROWS
from service.learner import Learner
from service.point_files import load_decision_points
from service.registry import ChampionRegistry, sync_champions
from service.settings import Settings
from service.store.engine import opened_log
from tests.databases import new_database, postgres_server
from training.places import Places

SIZES, MILLION = (10_000, 100_000), 1_000_000
IN_FILES, ON_SERVERS = "SQLite", "PostgreSQL and Redis"
SHAPES = (IN_FILES, ON_SERVERS)
JOURNEY = "churn_prevention"
PROCESSES = 2
_YAML = """
project: gardoon
provider: local
entity_key_serialization_version: 3
online_store: {{type: redis, connection_string: "{address}"}}
"""
Serving = tuple[dict[str, str], list[psutil.Process]]
"""Where the command finds everything, and the servers that work for it."""


@dataclass(frozen=True)
class Batch:
    """One run; milliseconds of processor time a decision, of the command with its processes and of the servers."""

    shape: str
    customers: int
    seconds: float
    own_ms: float
    servers_ms: float
    peak_mb: float

    @property
    def process_mb(self) -> float:
        """Memory by process at work: a small base is too few parts for all."""
        return self.peak_mb / min(PROCESSES, -(-self.customers // PART_ROWS))

    @property
    def rate(self) -> float:
        """Decisions a second."""
        return self.customers / self.seconds

    def __str__(self) -> str:
        return (
            f"| {self.shape} | {self.customers:,} | {self.seconds:,.0f} | {self.rate:,.0f} | {self.own_ms:.2f} | "
            f"{self.servers_ms:.2f} | {self.peak_mb:,.0f} |"
        )


HEADING = """| log and online store | customers | seconds | decisions/s | processor ms, ours | servers' | peak memory, MB |
|---|---|---|---|---|---|---|"""


def measure_batches(var: Path, sizes: Sequence[int], shapes: Sequence[str] = SHAPES) -> list[Batch]:
    """A run of each size on each shape, each on a base, a log and an online store of its own."""
    measured = []
    for shape in shapes:
        for customers in sizes:
            with tempfile.TemporaryDirectory(prefix="gardoon-batch-") as name:
                folder = Path(name)
                snapshots = tile(Places(var=var).snapshots, folder / "snapshots", customers)
                with _PREPARED[shape](folder, snapshots) as (given, servers):
                    sync(var, given)
                    measured.append(run(shape, folder, given, servers))
            print(measured[-1], flush=True)
    return measured


def tile(snapshots: Path, folder: Path, customers: int) -> Path:
    """A base of so many customers: the newest snapshots again and again under new ids. The list of them is beside it."""
    folder.mkdir()
    as_of = latest_as_of(snapshots)
    for view in load_schema().views:
        rows = read_snapshot(snapshots, view, as_of).sort_by(JOIN_KEY)
        with pq.ParquetWriter(snapshot_path(folder, view), rows.schema, compression="zstd") as file:
            for again in range(-(-customers // len(rows))):
                part = rows.slice(0, customers - again * len(rows))
                names = pa.array([f"{each}-{again}" for each in part[JOIN_KEY].to_pylist()])
                file.write_table(part.set_column(part.schema.get_field_index(JOIN_KEY), JOIN_KEY, names))
    names = pq.read_table(snapshot_path(folder, load_schema().views[0]), columns=[JOIN_KEY])
    pq.write_table(names, folder / "list.parquet")
    return folder


@contextmanager
def on_sqlite(folder: Path, snapshots: Path) -> Iterator[Serving]:
    """Everything in files."""
    given = {"GARDOON_VAR": str(folder)}
    write_online_store(
        snapshots, Settings(var=folder).online_path, as_of=latest_as_of(snapshots), served_at=now()
    )
    yield given, []


@contextmanager
def on_servers(folder: Path, snapshots: Path) -> Iterator[Serving]:
    """A PostgreSQL that flushes and a Redis that appends to a file."""
    with ExitStack() as stack:
        address = stack.enter_context(running_redis(folder))
        server = stack.enter_context(postgres_server())
        url = stack.enter_context(new_database(str(server.pgdata)))
        write_redis_store(snapshots, settings_of(address), as_of=latest_as_of(snapshots), served_at=now())
        (folder / "feature_store.yaml").write_text(_YAML.format(address=address), encoding="utf-8")
        postgres = psutil.Process(int((server.pgdata / "postmaster.pid").read_text().split()[0]))
        redis = next(each for each in psutil.process_iter() if _listens(each, int(address.split(":")[1])))
        given = {
            "GARDOON_VAR": str(folder),
            "GARDOON_DATABASE_URL": url,
            "GARDOON_FEATURE_STORE_YAML": str(folder / "feature_store.yaml"),
        }
        yield given, [postgres, redis]


def _listens(process: psutil.Process, port: int) -> bool:
    command = " ".join(process.cmdline()) if process.name().startswith("redis-server") else ""
    return str(port) in command


_PREPARED: dict[str, Callable[[Path, Path], Any]] = {IN_FILES: on_sqlite, ON_SERVERS: on_servers}


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def sync(var: Path, given: dict[str, str]) -> None:
    """Put the champions of `make run` into the run's log."""
    folder = Path(given.get("GARDOON_DECISION_POINTS", Settings().decision_points))
    points, registry = load_decision_points(folder), Settings(var=var).registry_uri
    settings = Settings(var=Path(given["GARDOON_VAR"]), database_url=given.get("GARDOON_DATABASE_URL", ""))
    with opened_log(settings.log_url) as engine:
        _publish(engine, registry, points)


def _publish(engine: Engine, registry: str, points: Any) -> None:
    sync_champions(engine, ChampionRegistry(tracking_uri=registry), load_schema(), points, now())
    Learner(engine, points).step(now())


def run(shape: str, folder: Path, given: dict[str, str], servers: Sequence[psutil.Process]) -> Batch:
    """The command as an operator calls it, watched. Raises `RuntimeError` where it fails."""
    command = [sys.executable, "-W", "ignore", "-m", "service", "decide-batch", "--journey", JOURNEY]
    command += ["--customers", str(folder / "snapshots" / "list.parquet"), "--out", str(folder / "run")]
    command += ["--processes", str(PROCESSES)]
    before, served, began = _own_seconds(), seconds_of(family(servers)), time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | given, stdout=subprocess.PIPE, text=True)
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, _memory_mb(process.pid))
        time.sleep(0.2)
    seconds, said = time.perf_counter() - began, process.communicate()[0]
    decided = re.match(r"([\d,]+) of", said)
    if process.returncode or decided is None:
        raise RuntimeError(f"decide-batch ended with {process.returncode}: {said}")
    customers = int(decided[1].replace(",", ""))
    own, others = _own_seconds() - before, seconds_of(family(servers)) - served
    return Batch(shape, customers, seconds, own / customers * 1e3, others / customers * 1e3, peak_mb)


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory_mb(pid: int) -> float:
    """What the command and its processes hold of their own."""
    held = 0
    try:
        main = psutil.Process(pid)
        for each in (main, *main.children(recursive=True)):
            held += each.memory_full_info().uss
    except psutil.Error:
        pass  # one of them has just ended
    return held / 2**20


def batch_targets(batches: Sequence[Batch]) -> list[Target]:
    """The lines of the result: a million in ten minutes on two processors is 1.2 ms of theirs a decision."""
    targets = []
    for shape in dict.fromkeys(batch.shape for batch in batches):
        small, *_, large = sorted(
            (each for each in batches if each.shape == shape), key=lambda each: each.customers
        )
        price = large.own_ms + large.servers_ms
        targets += [
            Target(f"batch on {shape}, ms of processor a decision", price, "at most", 1.2),
            *_in_ten_minutes(shape, large),
            Target(f"batch on {shape}, peak memory in MB", large.peak_mb, "at most", 2_000),
            Target(
                f"batch on {shape}, memory of a process by that for a smaller base",
                large.process_mb / small.process_mb,
                "at most",
                1.5,
            ),
        ]
    return targets


def _in_ten_minutes(shape: str, large: Batch) -> list[Target]:
    if large.customers < MILLION:
        return []
    return [Target(f"batch on {shape}, minutes for a million", large.seconds / 60, "at most", 10.0)]


def main() -> None:
    """Prints a row a run and a line a target; ends with 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--var", type=Path, default=Path("var"), help="folder of `python -m training prepare`"
    )
    parser.add_argument("--customers", type=int, nargs="+", default=SIZES)
    parser.add_argument("--shape", nargs="+", default=SHAPES, choices=SHAPES)
    parser.add_argument("--million", action="store_true", help="a million customers, too")
    options = parser.parse_args()
    sizes = (*options.customers, MILLION) if options.million else options.customers
    print(HEADING)
    finish(batch_targets(measure_batches(options.var, sizes, options.shape)))


if __name__ == "__main__":
    main()
