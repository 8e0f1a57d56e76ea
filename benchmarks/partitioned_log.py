"""`python -m benchmarks.partitioned_log`: what monthly parts cost an insert into `decisions` on PostgreSQL.

The same rows (4 kB of record) go to the table as it is and to one of the same columns and indexes without parts, in turn, in
commits of 50 as group commit makes them under load. One line: rows a second of each, medians of the rounds, and their ratio.
"""

from __future__ import annotations

import os
import statistics
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, MetaData, Table, insert

from service.decision_id import decision_id
from service.store.engine import open_log
from service.store.tables import decisions
from tests.databases import postgres_server

ROUNDS, COMMITS, ROWS = 9, 40, 50


def rows() -> list[dict[str, Any]]:
    """Rows of now, as many as a commit takes."""
    at = datetime.now(UTC)
    fixed = {"journey": "lucky_wheel", "status": "act", "group_name": "decisioning"}
    times = {"decided_at": int(at.timestamp() * 1e6), "effective_at": int(at.timestamp() * 1e6)}
    return [
        {
            "decision_id": decision_id(int(at.timestamp() * 1000), os.urandom(10)),
            "customer_id": f"customer {number}",
            "record": os.urandom(4096),
            **fixed,
            **times,
        }
        for number in range(ROWS)
    ]


def rows_a_second(engine: Engine, table: Table) -> float:
    """Of one round into the table."""
    commits = [rows() for _ in range(COMMITS)]
    began = time.perf_counter()
    for commit in commits:
        with engine.begin() as connection:
            connection.execute(insert(table), commit)
    return COMMITS * ROWS / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    with postgres_server() as server:
        engine = open_log(server.get_uri())
        plain = decisions.to_metadata(MetaData(), name="plain_decisions")
        plain.dialect_options["postgresql"]["partition_by"] = None
        for index in plain.indexes:
            index.name = f"plain_{index.name}"
        plain.create(engine)
        found: dict[str, list[float]] = {"parts": [], "plain": []}
        for _ in range(ROUNDS):
            found["parts"].append(rows_a_second(engine, decisions))
            found["plain"].append(rows_a_second(engine, plain))
        engine.dispose()
    parts, without = statistics.median(found["parts"]), statistics.median(found["plain"])
    print(f"{parts:,.0f} rows/s with monthly parts, {without:,.0f} without: {parts / without:.2f}")


if __name__ == "__main__":
    main()
