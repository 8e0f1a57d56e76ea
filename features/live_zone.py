"""UTC offsets for features as of now: of each zone that a customer is in, found when it is first met.

Where a base's times are shifted so that old data end now, its hours are those at which things happened: until the base ends,
the zone's offset is that of the base's own year, less the shift. An event of the log from before that end is read so, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from features.zone import utc_offsets

_BACK: Final = timedelta(days=370)
"""Activity is counted over 365 days."""
_AHEAD: Final = timedelta(days=370)
_MARGIN: Final = timedelta(days=2)


class ZoneTable:
    """The rows of `zone_offsets`, made for zones as they come.

    base_ends_at: when the base's data end, as they are served; shift: how much later that is than they truly ended.
    """

    schema: Final = pa.schema(
        [
            ("time_zone", pa.string()),
            ("from_s", pa.int64()),
            ("until_s", pa.int64()),
            ("offset_s", pa.int64()),
        ]
    )

    def __init__(
        self, shop_time_zone: str, *, base_ends_at: datetime | None = None, shift: timedelta = timedelta()
    ) -> None:
        self.shop_time_zone = shop_time_zone
        self._base_ends_at = base_ends_at if shift else None
        self._shift = shift
        self._names: set[str] = set()
        self._until: datetime | None = None

    def cover(self, names: Iterable[str | None], now: datetime) -> list[dict[str, Any]]:
        """All rows, where those given before do not hold these zones at this moment; else none."""
        wanted = {name or self.shop_time_zone for name in names} | self._names
        if self._until is not None and wanted == self._names and now < self._until - _MARGIN:
            return []
        self._names, self._until = wanted, now + _AHEAD
        if self._base_ends_at is None:
            return [row._asdict() for row in utc_offsets(wanted, now - _BACK, self._until)]
        return [*self._of_base(wanted, self._base_ends_at), *self._since(wanted, self._base_ends_at)]

    def _of_base(self, names: set[str], ends_at: datetime) -> list[dict[str, Any]]:
        shift_s, end_s = int(self._shift.total_seconds()), int(ends_at.timestamp())
        true_end = ends_at - self._shift
        return [
            {
                "time_zone": row.time_zone,
                "from_s": row.from_s + shift_s,
                "until_s": min(row.until_s + shift_s, end_s),
                "offset_s": row.offset_s - shift_s,
            }
            for row in utc_offsets(names, true_end - _BACK, true_end)
            if row.from_s + shift_s < end_s
        ]

    def _since(self, names: set[str], ends_at: datetime) -> list[dict[str, Any]]:
        assert self._until is not None
        end_s = int(ends_at.timestamp())
        rows = (row._asdict() for row in utc_offsets(names, ends_at, self._until))
        return [row | {"from_s": max(row["from_s"], end_s)} for row in rows if row["until_s"] > end_s]
