"""Ages of the rows that decisions would read: by view, and of those that there are."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from features.stored import StoredFeatures, StoredView
from tests.training.drift.seen import SCHEMA, STARTS
from training.drift.row_age import row_ages


class Rows:
    """Rows of `rfm` that are 0, 1, 2 ... days old, of all customers but the last, and none of `profile`."""

    def read_many(self, customer_ids: list[str]) -> list[StoredFeatures]:
        found = [
            StoredFeatures(name, {"rfm": StoredView(STARTS - timedelta(days=days), {"spend": 1.0})})
            for days, name in enumerate(customer_ids[:-1])
        ]
        return [*found, StoredFeatures(customer_ids[-1], {})]


def test_ages_are_those_of_the_rows_there_are_and_stale_ones_are_counted():
    names = [f"c{number}" for number in range(42)]

    rfm, profile = row_ages(Rows(), names, STARTS, SCHEMA)

    assert (rfm.view, rfm.asked, rfm.found) == ("rfm", 42, 41)
    assert (rfm.median_days, rfm.late_days, rfm.oldest_days) == pytest.approx((20, 38, 40))
    assert rfm.stale == pytest.approx(5 / 41)  # those of 36 to 40 days; the limit is 35
    assert (profile.found, profile.stale) == (0, 0.0)
    assert math.isnan(profile.median_days)
