"""What is stored of a customer, a decision and an event in the production shape, in bytes: what sizing.md reckons with.

    python -m benchmarks.sizes [--customers 20000] [--var FOLDER] [--page docs/benchmark-sizes.md]

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
from benchmarks.policies.document import machine
from features.online import read_settings
from service.store.engine import opened_log
from training.places import Places

EVENTS_EACH: Final = 20
_DECISIONS: Final = ("decisions", "messages", "draws", "coupons", "standings", "rewards")
_EVENTS: Final = ("events",)
_PAGE: Final = """# What is kept of a customer, a decision and an event

Written by `python -m benchmarks.sizes --customers {customers} --page docs/benchmark-sizes.md`: {machine}.
As many decisions, and {events} events a customer. Redis says its memory without its own overhead, PostgreSQL its tables
with indexes after a `VACUUM`.

| stored | bytes |
|---|---|
{rows}
"""


def main() -> None:
    """Prints a row a thing, or writes them into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument(
        "--var", type=Path, default=Path("var"), help="folder of `python -m training prepare`"
    )
    parser.add_argument("--page", type=Path, help="where to write the page; nowhere without")
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
    rows = "\n".join(f"| {what} | {size:,.0f} |" for what, size in sizes.items())
    print(rows)
    if options.page:
        page = _PAGE.format(customers=options.customers, machine=machine(), events=EVENTS_EACH, rows=rows)
        options.page.write_text(page, encoding="utf-8")


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
