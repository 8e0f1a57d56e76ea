"""The sums of docs/sizing.md are right, and its measured numbers are those of the pages that it names."""

from __future__ import annotations

import doctest
import re

from tests.running import ROOT

PAGE = ROOT / "docs" / "sizing.md"


def test_the_sums_come_out_as_written() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)

    assert result.attempted > 10
    assert result.failed == 0


def test_features_are_built_and_filled_as_fast_as_measured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    measured = (ROOT / "docs" / "benchmark-features.md").read_text(encoding="utf-8")
    built = re.search(r"\| DuckDB \| 100,000 \|[^|]*\| ([\d,]+) \|", measured)
    filled = re.search(r"\| 1,000,000 \| [\d.]+ \| ([\d,]+) \|", measured)
    refreshed = re.search(r"\| PostgreSQL and Redis \| \d+ \| \d+ \| \d+ \| ([\d,]+) \|", measured)

    for found, digits in ((built, -2), (filled, -2), (refreshed, -1)):
        assert found is not None
        assert f"{round(int(found[1].replace(',', '')), digits):,} " in text
