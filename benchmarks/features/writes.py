"""Snapshots into Redis: our bulk writer against Feast's `write_to_online_store`, in turn, and ours alone at size."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.features.settings import AS_OF, settings_of
from features.bulk import read_snapshot
from features.bulk_redis import write_redis_store
from features.schema import load_schema

if TYPE_CHECKING:
    from feast import FeatureStore

ROUNDS = 3
_BATCH = 5_000


@dataclass(frozen=True)
class Writes:
    """Customers a second, all views; the share of rounds after which Redis held the same bytes."""

    ours: float
    feast: float
    ratio: float
    same: float


@dataclass(frozen=True)
class Filled:
    """One fill in a process of its own: seconds, and its peak memory beyond what it had when it began."""

    customers: int
    seconds: float
    peak_mb: float
    start_mb: float


def measure_writes(store: FeatureStore, address: str, snapshots: Path, customers: int) -> Writes:
    """Both fill an empty Redis, a round of each in turn; ours also counts the rows that arrived, Feast does not."""
    ours: list[float] = []
    feast: list[float] = []
    same = 0
    for _ in range(ROUNDS):
        took, held = _filled(address, lambda: _by_feast(store, snapshots))
        feast.append(customers / took)
        took, held_by_ours = _filled(address, lambda: _by_us(address, snapshots))
        ours.append(customers / took)
        same += held == held_by_ours
    ratio = statistics.median(o / f for o, f in zip(ours, feast, strict=True))
    return Writes(statistics.median(ours), statistics.median(feast), ratio, same / ROUNDS)


def fill_alone(address: str, snapshots: Path) -> Filled:
    """What our writer needs for a base, in a process that imports no Feast."""
    command = [sys.executable, "-m", "benchmarks.features.fill", str(snapshots), address]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Filled(**json.loads(done.stdout))


def _filled(address: str, write: Callable[[], object]) -> tuple[float, dict[bytes, dict[bytes, bytes]]]:
    """Seconds to fill an empty Redis, and what it then holds."""
    import redis

    client: Any = redis.Redis.from_url(f"redis://{address}")
    client.flushall()
    began = time.perf_counter()
    write()
    seconds = time.perf_counter() - began
    held = {key: client.hgetall(key) for key in client.scan_iter(count=1000)}
    client.close()
    return seconds, held


def _by_us(address: str, snapshots: Path) -> None:
    write_redis_store(snapshots, settings_of(address), as_of=AS_OF, served_at=AS_OF)


def _by_feast(store: FeatureStore, snapshots: Path) -> None:
    for view in load_schema().views:
        rows = read_snapshot(snapshots, view, AS_OF)
        for start in range(0, len(rows), _BATCH):
            frame = rows.slice(start, _BATCH).to_pandas(types_mapper=pd.ArrowDtype)
            store.write_to_online_store(view.name, df=frame)
