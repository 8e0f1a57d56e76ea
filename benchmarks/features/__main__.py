"""Features, ours against Feast's own in the same run: online reads on SQLite and Redis, and filling Redis.

    make bench-features     or: python -m benchmarks.features [--customers 50000] [--page FILE]

Makes its own customers with every declared feature and starts its own Redis. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

from benchmarks.features.base import write_base
from benchmarks.features.page import write_page
from benchmarks.features.reads import Reads, measure_reads
from benchmarks.features.settings import AS_OF, settings_of
from benchmarks.features.stores import feast_on_redis, running_redis
from benchmarks.features.writes import Filled, Writes, fill_alone, measure_writes
from benchmarks.target import Target, finish
from features.bulk import write_online_store
from features.online import SqliteFeatureReader
from features.online_redis import RedisFeatureReader
from features.schema import load_schema
from training.feature_store import ONLINE_STORE, apply, open_store

CUSTOMERS, FEASTS_CUSTOMERS, CALLS = 50_000, 2_000, 500
MILLION_IN_SECONDS = 300
PAGE = Path(__file__).parents[2] / "docs" / "benchmark-features.md"


def main() -> None:
    """Measure, write the page, print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--customers", type=int, default=CUSTOMERS, help="how many our writer fills Redis with"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="what to write the results into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(action="ignore"):
        folder = Path(name)
        sqlite = reads_of_sqlite(folder)
        with running_redis(folder) as address:
            writes, redis = both_on_redis(folder, address)
            quarter = fill_alone(address, write_base(folder / "quarter", options.customers // 4))
            whole = fill_alone(address, write_base(folder / "whole", options.customers))
    targets = targets_of(sqlite, redis, writes, (quarter, whole))
    write_page(options.page, {"SQLite": sqlite, "Redis": redis}, writes, (quarter, whole), targets)
    finish(targets)


def reads_of_sqlite(folder: Path) -> Reads:
    """Reads of Feast's SQLite file."""
    snapshots = write_base(folder / "small", FEASTS_CUSTOMERS)
    apply(folder / "sqlite", snapshots)
    database = folder / "sqlite" / ONLINE_STORE
    write_online_store(snapshots, database, as_of=AS_OF, served_at=AS_OF)
    with closing(SqliteFeatureReader(database=database, schema=load_schema())) as reader:
        return measure_reads(reader, open_store(folder / "sqlite"), FEASTS_CUSTOMERS, calls=CALLS)


def both_on_redis(folder: Path, address: str) -> tuple[Writes, Reads]:
    """Filling Redis, and reads of what was filled last."""
    snapshots = folder / "small"
    store = feast_on_redis(folder / "redis", snapshots, address)
    writes = measure_writes(store, address, snapshots, FEASTS_CUSTOMERS)
    reader = RedisFeatureReader(settings=settings_of(address), schema=load_schema())
    with closing(reader):
        return writes, measure_reads(reader, store, FEASTS_CUSTOMERS, calls=CALLS)


def targets_of(sqlite: Reads, redis: Reads, writes: Writes, fills: tuple[Filled, Filled]) -> list[Target]:
    """The lines of the result."""
    quarter, whole = fills
    rate = whole.customers / whole.seconds
    return [
        Target("read of SQLite, processor time, Feast's by ours", sqlite.ratio, "at least", 8.0),
        Target("read of SQLite, share of customers read the same", sqlite.same, "at least", 1.0),
        Target("read of Redis, processor time, Feast's by ours", redis.ratio, "at least", 8.0),
        Target("read of Redis, share of customers read the same", redis.same, "at least", 1.0),
        Target("fill of Redis, customers/s, ours by Feast's", writes.ratio, "at least", 5.0),
        Target("fill of Redis, share of rounds with the same bytes", writes.same, "at least", 1.0),
        Target("fill of Redis, customers/s at size", rate, "at least", 1e6 / MILLION_IN_SECONDS),
        Target(
            "fill of Redis, peak memory, times a quarter's", whole.peak_mb / quarter.peak_mb, "at most", 1.25
        ),
    ]


if __name__ == "__main__":
    main()
