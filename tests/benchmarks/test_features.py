"""The customers that the measurements of features draw, and the verdict on what was measured."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.features.__main__ import targets_of
from benchmarks.features.base import customer_id, write_base
from benchmarks.features.page import Results, write_page
from benchmarks.features.reads import Reads
from benchmarks.features.rows import Rows
from benchmarks.features.settings import AS_OF
from benchmarks.features.writes import Filled, Writes
from features.bulk import read_snapshot, snapshot_path
from features.schema import load_schema

READS = Reads(80.0, 115.0, 1_300.0, 1_400.0, ratio=16.0, same=1.0)
ROWS = Rows(0.25, 30.0, ratio=120.0, same=1.0)


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

    results = Results({"SQLite": READS, "Redis": READS}, {"Redis": ROWS}, writes, fills)
    targets = targets_of(results)
    write_page(tmp_path / "page.md", results, targets)

    assert sum(not target.is_reached for target in targets) == short
    page = (tmp_path / "page.md").read_text()
    assert page.count(": short") == short
    assert "| Redis | 0.25 | 30.00 | 120.0 |" in page
    assert "| Redis | 80 | 115 | 1,300 | 1,400 | 16.0 |" in page
