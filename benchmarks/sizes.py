"""What is stored of a customer, a decision and an event in the production shape, in bytes: what sizing.md reckons with.

    python -m benchmarks.sizes [--customers 20000] [--var FOLDER]

A base of the customers of `make run` over and over goes into a Redis, decisions about all of them and twenty events of each
into a PostgreSQL. Bytes are what the servers say: Redis its memory, PostgreSQL the tables with indexes after a VACUUM.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

import redis
from sqlalchemy import Engine, text

from benchmarks.features.batches import on_servers, run, sync, tile
from benchmarks.features.log_import import fill_log
from features.online import read_settings
from service.store.engine import opened_log
from training.places import Places

EVENTS_EACH: Final = 20
_DECISIONS: Final = ("decisions", "messages", "draws", "coupons", "standings", "rewards")
_EVENTS: Final = ("events",)


def main() -> None:
    """Prints a row a thing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument(
        "--var", type=Path, default=Path("var"), help="folder of `python -m training prepare`"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gardoon-sizes-") as name:
        folder = Path(name)
        snapshots = tile(Places(var=options.var).snapshots, folder / "snapshots", options.customers)
        with on_servers(folder, snapshots) as (given, servers):
            stored = read_settings(Path(given["GARDOON_FEATURE_STORE_YAML"]))["online_store"][
                "connection_string"
            ]
            sync(options.var, given)
            decided = run("sizes", folder, given, servers)
            with opened_log(given["GARDOON_DATABASE_URL"]) as engine:
                fill_log(given["GARDOON_DATABASE_URL"], EVENTS_EACH * options.customers)
                sizes = {
                    "features of a customer, Redis": _redis_bytes(stored) / options.customers,
                    "a decision with what it claims, PostgreSQL": _bytes(engine, _DECISIONS)
                    / decided.customers,
                    "an event, PostgreSQL": _bytes(engine, _EVENTS) / (EVENTS_EACH * options.customers),
                }
    print("| stored | bytes |\n|---|---|")
    for what, size in sizes.items():
        print(f"| {what} | {size:,.0f} |")


def _redis_bytes(address: str) -> int:
    host, port = address.split(",")[0].split(":")
    with redis.Redis(host=host, port=int(port)) as client:
        return int(client.info("memory")["used_memory_dataset"])


def _bytes(engine: Engine, tables: tuple[str, ...]) -> int:
    """Of the tables with their parts, indexes and long values."""
    size = "SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size('{0}')) FROM pg_partition_tree('{0}')"
    named = " + ".join([f"({size.format(table)})" for table in tables])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        return int(connection.scalar(text(f"SELECT {named}")) or 0)


if __name__ == "__main__":
    main()
