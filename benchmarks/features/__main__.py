"""Features, ours against Feast's own in the same run: online reads on SQLite and Redis, filling Redis, single rows.

Ours alone: the event log as a data set, an event's way to the features that decisions read, feature builds on DuckDB and
Spark, and decisions for a whole base.

    make bench-features     or: python -m benchmarks.features [--customers 50000] [--million] [--page FILE] [--var FOLDER]

Makes its own customers with every declared feature and starts its own Redis; an event's way is measured on the data set that
`python -m training prepare` made. Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

from benchmarks.features.base import write_base
from benchmarks.features.batches import HEADING, MILLION, ON_SERVERS, SIZES, batch_targets, measure_batches
from benchmarks.features.builds import build_targets, measure_builds
from benchmarks.features.latency import latency_targets, measure_latency
from benchmarks.features.log_import import import_targets, measure_imports
from benchmarks.features.page import Results, write_page
from benchmarks.features.reads import Reads, measure_reads
from benchmarks.features.rows import Rows, measure_rows
from benchmarks.features.settings import AS_OF, settings_of
from benchmarks.features.stores import feast_on_redis, running_redis
from benchmarks.features.writes import Writes, fill_alone, measure_writes
from benchmarks.target import Target, finish
from features.bulk import write_online_store
from features.online import SqliteFeatureReader
from features.online_redis import RedisFeatureReader
from features.online_row import SqliteRowWriter
from features.online_row_redis import RedisRowWriter
from features.schema import load_schema
from training.feature_store import ONLINE_STORE, apply, open_store

CUSTOMERS, FEASTS_CUSTOMERS, CALLS = 50_000, 2_000, 500
MILLION_IN_SECONDS = 600
ROOT = Path(__file__).parents[2]
PAGE, VAR = ROOT / "docs" / "benchmark-features.md", ROOT / "var"


def main() -> None:
    """Measure, write the page, print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--customers", type=int, default=CUSTOMERS, help="how many our writer fills Redis with"
    )
    parser.add_argument(
        "--million", action="store_true", help="decide for a million customers, too, on PostgreSQL and Redis"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="what to write the results into")
    parser.add_argument("--var", type=Path, default=VAR, help="where everything is prepared")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(action="ignore"):
        folder = Path(name)
        sqlite = of_sqlite(folder)
        with running_redis(folder) as address:
            writes, redis = of_redis(folder, address)
            quarter = fill_alone(address, write_base(folder / "quarter", options.customers // 4))
            whole = fill_alone(address, write_base(folder / "whole", options.customers))
        imports, live = measure_imports(folder / "logs"), measure_latency(options.var, folder / "live")
        builds = measure_builds(folder / "builds")
        print(HEADING)
        batches = measure_batches(options.var, SIZES)
        if options.million:
            batches += measure_batches(options.var, (MILLION,), (ON_SERVERS,))
    reads, rows = {"SQLite": sqlite[0], "Redis": redis[0]}, {"SQLite": sqlite[1], "Redis": redis[1]}
    results = Results(reads, rows, writes, (quarter, whole), imports, live, builds, batches)
    targets = targets_of(results)
    write_page(options.page, results, targets)
    finish(targets)


def of_sqlite(folder: Path) -> tuple[Reads, Rows]:
    """Reads of Feast's SQLite file, and single rows into it."""
    snapshots = write_base(folder / "small", FEASTS_CUSTOMERS)
    apply(folder / "sqlite", snapshots)
    database = folder / "sqlite" / ONLINE_STORE
    write_online_store(snapshots, database, as_of=AS_OF, served_at=AS_OF)
    store, schema = open_store(folder / "sqlite"), load_schema()
    with (
        closing(SqliteFeatureReader(database=database, schema=schema)) as reader,
        closing(SqliteRowWriter(database=database)) as writer,
    ):
        return measure_reads(reader, store, FEASTS_CUSTOMERS, calls=CALLS), measure_rows(writer, store)


def of_redis(folder: Path, address: str) -> tuple[Writes, tuple[Reads, Rows]]:
    """Filling Redis, and reads of what was filled last and single rows into it."""
    snapshots, settings = folder / "small", settings_of(address)
    store = feast_on_redis(folder / "redis", snapshots, address)
    writes = measure_writes(store, address, snapshots, FEASTS_CUSTOMERS)
    with (
        closing(RedisFeatureReader(settings=settings, schema=load_schema())) as reader,
        closing(RedisRowWriter(settings=settings)) as writer,
    ):
        reads = measure_reads(reader, store, FEASTS_CUSTOMERS, calls=CALLS)
        return writes, (reads, measure_rows(writer, store))


def targets_of(results: Results) -> list[Target]:
    """The lines of the result."""
    targets = []
    for name, reads in results.reads.items():
        targets += [
            Target(f"read of {name}, processor time, Feast's by ours", reads.ratio, "at least", 6.0),
            Target(f"read of {name}, share of customers read the same", reads.same, "at least", 1.0),
        ]
    for name, rows in results.rows.items():
        targets += [
            Target(f"row into {name}, time, Feast's by ours", rows.ratio, "at least", 6.0),
            Target(f"row into {name}, share that Feast reads as written", rows.same, "at least", 1.0),
        ]
    writes, (quarter, whole) = results.writes, results.fills
    rate, growth = whole.customers / whole.seconds, whole.peak_mb / quarter.peak_mb
    return [
        *targets,
        Target("fill of Redis, customers/s, ours by Feast's", writes.ratio, "at least", 4.0),
        Target("fill of Redis, share of rounds with the same bytes", writes.same, "at least", 1.0),
        Target("fill of Redis, customers/s at size", rate, "at least", 1e6 / MILLION_IN_SECONDS),
        Target("fill of Redis, peak memory, times a quarter's", growth, "at most", 1.25),
        *import_targets(results.imports),
        *latency_targets(results.live),
        *build_targets(results.builds),
        *batch_targets(results.batches),
    ]


if __name__ == "__main__":
    main()
