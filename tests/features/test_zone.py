"""UTC offsets of zones over time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.zone import UnknownTimeZoneError, utc_offsets

FIRST, LAST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ["Asia/Tehran", "Europe/Berlin", "America/St_Johns", "UTC"]
OFFSETS = utc_offsets(ZONES, FIRST, LAST)


@given(
    zone=st.sampled_from(ZONES),
    moment=st.datetimes(datetime(2015, 1, 1), datetime(2025, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_every_moment_lies_in_one_period_with_the_zones_true_offset(zone: str, moment: datetime) -> None:
    seconds = int(moment.timestamp())
    matching = [o for o in OFFSETS if o.time_zone == zone and o.from_s <= seconds < o.until_s]

    expected = moment.astimezone(ZoneInfo(zone)).utcoffset()

    assert expected is not None
    assert [offset.offset_s for offset in matching] == [expected.total_seconds()]


def test_berlins_summer_begins_at_one_oclock_utc() -> None:
    offsets = utc_offsets(
        ["Europe/Berlin"], datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    )

    assert [offset.offset_s for offset in offsets] == [3600, 7200]
    assert offsets[1].from_s == int(datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp())


def test_a_name_that_is_no_zone_is_refused_by_name() -> None:
    with pytest.raises(UnknownTimeZoneError, match="'Tehran'"):
        utc_offsets(["Tehran"], FIRST, LAST)
