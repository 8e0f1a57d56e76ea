"""As-of times and the rows before them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from features.history import as_of_table
from features.profile import profile


def test_only_customers_who_joined_before_the_as_of_time_have_a_row(shop: Any) -> None:
    shop.customer("early", "2024-01-01")
    shop.customer("at that moment", "2024-02-01")

    found = shop.features(profile, "2024-02-01", "2024-02-02")

    assert set(found) == {
        ("early", "2024-02-01"),
        ("early", "2024-02-02"),
        ("at that moment", "2024-02-02"),
    }


@pytest.mark.parametrize(
    "as_ofs",
    [[], [datetime(2024, 1, 1)], [datetime(2024, 1, 1, microsecond=1, tzinfo=UTC)]],  # noqa: DTZ001
    ids=["none", "without a zone", "with a fraction of a second"],
)
def test_as_of_times_are_whole_seconds_with_a_zone(as_ofs: list[datetime]) -> None:
    with pytest.raises(ValueError, match="as-of time"):
        as_of_table(as_ofs)
