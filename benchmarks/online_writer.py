"""Customers a second into the SQLite online store: Feast's own `materialize` against the bulk writer (ADR 0002).

    make bench        or: python -m benchmarks.online_writer [--var var] [--rounds 3]

Needs the snapshots of `python -m training features`. Both write the newest snapshot of all views into an empty store, in
turn, so that a busy machine slows both; each round also says whether both stores hold the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sqlite3
import statistics
import tempfile
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.target import Target, finish
from features.bulk import latest_as_of, write_online_store
from features.online import online_table
from features.schema import load_schema
from training.feature_store import ONLINE_STORE, apply, open_store

TARGET_RATIO = 2.0


def stock(folder: Path, _snapshots: Path, as_of: datetime) -> None:
    """Feast's `materialize` of the one snapshot."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        open_store(folder).materialize(as_of - timedelta(seconds=1), as_of)


def bulk(folder: Path, snapshots: Path, as_of: datetime) -> None:
    """Our writer."""
    write_online_store(snapshots, folder / ONLINE_STORE, as_of=as_of, served_at=as_of)


def measure(
    write: Callable[[Path, Path, datetime], None], snapshots: Path, as_of: datetime
) -> tuple[float, list[list[tuple[object, ...]]]]:
    """Seconds to fill an empty store, and what it then holds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apply(folder, snapshots)
        started = perf_counter()
        write(folder, snapshots, as_of)
        seconds = perf_counter() - started
        return seconds, contents(folder / ONLINE_STORE)


def contents(database: Path) -> list[list[tuple[object, ...]]]:
    """Every stored value of every view, sorted."""
    query = 'SELECT entity_key, feature_name, value, event_ts FROM "{}" ORDER BY 1, 2'
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [
            connection.execute(query.format(online_table(view.name))).fetchall()
            for view in load_schema().views
        ]


def main() -> None:
    """Prints both writers' speed and a line a target; exits with 1 where one is short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--var", type=Path, default=Path("var"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    snapshots = options.var / "feast" / "snapshots"
    as_of = latest_as_of(snapshots)
    seconds: dict[str, list[float]] = {"stock": [], "bulk": []}
    equal = 0
    for _ in range(options.rounds):
        took, held = zip(*(measure(write, snapshots, as_of) for write in (stock, bulk)), strict=True)
        seconds["stock"].append(took[0])
        seconds["bulk"].append(took[1])
        equal += held[0] == held[1]
    schema = load_schema()
    customers = len(held[0][0]) // len(schema.views[0].features)
    print(f"{customers} customers, {len(schema.features)} features in {len(schema.views)} views")
    for name, all_took in seconds.items():
        median = statistics.median(all_took)
        values = customers * len(schema.features)
        print(
            f"{name}: median {median:.2f} s, {customers / median:.0f} customers/s, {values / median:.0f} values/s"
        )
    ratio = statistics.median(s / b for s, b in zip(seconds["stock"], seconds["bulk"], strict=True))
    same = equal / options.rounds
    finish(
        [
            Target("online writer, times Feast's materialize", ratio, "at least", TARGET_RATIO),
            Target("online writer, share of rounds with the same bytes", same, "at least", 1.0),
        ]
    )


if __name__ == "__main__":
    main()
