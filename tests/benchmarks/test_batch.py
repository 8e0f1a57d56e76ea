"""What the batch benchmark makes of what it measured, and that its ways decide what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.batch import WAYS, ask_all, judge, make_shop
from service.settings import Settings
from tests.service.real_shop import prepare, serving
from tests.service.test_real_service import logged_ids


def test_the_median_round_counts_and_one_that_is_short_is_told() -> None:
    found = {"batch": [300.0, 90.0, 320.0], "one by one": [100.0] * 3, "side by side": [400.0] * 3}

    alone, beside = judge("SQLite", found)

    assert (alone.measured, alone.is_reached) == (3.0, True)
    assert (beside.measured, beside.is_reached) == (0.75, False)
    assert "decisions/s on SQLite, batch over side by side" in str(beside)


@pytest.mark.slow
def test_every_way_has_every_decision_logged(tmp_path: Path) -> None:
    customers = [f"customer {number}" for number in range(12)]
    prepare(tmp_path, make_shop(customers))

    with serving(tmp_path) as (address, _):
        for way in WAYS:
            ask_all(way, address, customers)

    assert len(logged_ids(Settings(var=tmp_path).log_url)) == 3 * len(customers)
