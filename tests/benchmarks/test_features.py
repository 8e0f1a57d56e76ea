"""The customers that the measurements of features draw, and the verdict on what was measured."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.features.__main__ import targets_of
from benchmarks.features.base import customer_id, write_base
from benchmarks.features.batches import Batch, batch_targets
from benchmarks.features.builds import Built
from benchmarks.features.latency import Latency
from benchmarks.features.log_import import Imported
from benchmarks.features.page import Results, write_page
from benchmarks.features.reads import Reads
from benchmarks.features.rows import Rows
from benchmarks.features.settings import AS_OF
from benchmarks.features.writes import Filled, Writes
from features.bulk import read_snapshot, snapshot_path
from features.schema import load_schema

READS = Reads(80.0, 115.0, 1_300.0, 1_400.0, ratio=16.0, same=1.0)
ROWS = Rows(0.25, 30.0, ratio=120.0, same=1.0)
IMPORTS = (Imported(25_000, 1.0, 0.9, 225.0, 150.0), Imported(100_000, 4.0, 3.5, 300.0, 150.0))
LIVE = Latency(48.0, 75.0, 40.0, 950.0, 240.0, 410.0)
BUILDS = {
    "DuckDB": [Built(25_000, 10.0, 900.0), Built(100_000, 40.0, 2_000.0)],
    "Spark": [Built(25_000, 100.0, 3_000.0)],
}
BATCHES = [
    Batch("SQLite", 10_000, 8.0, 0.9, 0.0, 850.0),
    Batch("SQLite", 1_000_000, 540.0, 0.9, 0.0, 900.0),
]


def test_the_base_holds_every_declared_feature_of_every_customer_and_is_drawn_alike(tmp_path: Path) -> None:
    first, again = write_base(tmp_path / "first", 300), write_base(tmp_path / "again", 300)

    for view in load_schema().views:
        rows = read_snapshot(first, view, AS_OF)
        assert rows["customer_id"].to_pylist() == [customer_id(number) for number in range(300)]
        assert all(0 < rows[f.name].null_count < 100 for f in view.features if f.type != "float_list")
        assert pq.read_table(snapshot_path(again, view)).equals(pq.read_table(snapshot_path(first, view)))


@pytest.mark.parametrize(("same", "seconds", "short"), [(1.0, 10.0, 0), (0.9, 10.0, 1), (1.0, 80.0, 1)])
def test_other_bytes_and_a_slow_fill_are_short(
    same: float, seconds: float, short: int, tmp_path: Path
) -> None:
    writes = Writes(ours=6_000.0, feast=800.0, ratio=7.5, same=same)
    fills = (Filled(25_000, seconds / 4, 200.0, 150.0), Filled(100_000, seconds, 210.0, 150.0))

    reads, rows = {"SQLite": READS, "Redis": READS}, {"Redis": ROWS}
    results = Results(reads, rows, writes, fills, IMPORTS, {"SQLite": LIVE}, BUILDS, BATCHES)
    targets = targets_of(results)
    write_page(tmp_path / "page.md", results, targets)

    assert sum(not target.is_reached for target in targets) == short
    page = (tmp_path / "page.md").read_text()
    assert page.count(": short") == short
    assert "| Redis | 0.25 | 30.00 | 120.0 |" in page
    assert "| Redis | 80 | 115 | 1,300 | 1,400 | 16.0 |" in page
    assert "| SQLite | 48 | 75 | 40 | 950 | 240 | 410 |" in page
    assert "| 100,000 | 4.0 | 3.5 | 25,000 | 300 | 150 |" in page
    assert "| Spark | 25,000 | 100.0 | 250 | 3,000 |" in page
    assert "| SQLite | 1,000,000 | 540 | 1,852 | 0.90 | 0.00 | 900 |" in page
    assert "--customers 100000 --million`" in page


def test_a_million_decisions_in_more_than_ten_minutes_are_short() -> None:
    slow = Batch("SQLite", 1_000_000, 660.0, 0.9, 0.0, 900.0)

    assert [target.name for target in batch_targets([*BATCHES[:1], slow]) if not target.is_reached] == [
        "batch on SQLite, minutes for a million"
    ]
