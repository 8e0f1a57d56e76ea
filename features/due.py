"""When a customer's features change by themselves: the moment at which a row begins to count or leaves a window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import coupons, engagement, funnel, rfm, topics
from features.history import DAY_S

_DAYS: Final = frozenset(
    {
        *(0, 365),  # a row begins to count; the gaps between orders and the activity curve are of a year
        *rfm.ORDER_WINDOWS,
        *rfm.SPEND_WINDOWS,
        *rfm.DISCOUNT_WINDOWS,
        topics.DAYS,
        *funnel.WINDOWS,
        *coupons.WINDOWS,
        *(days for _, days, _ in engagement.MESSAGE_COUNTS.values()),
    }
)
WINDOWS: Final[Mapping[tuple[str, str], tuple[int, ...]]] = {
    ("customers", "joined_at"): (0,),
    ("orders", "ordered_at"): tuple(sorted(_DAYS | set(range(0, max(rfm.WEEK_WINDOWS) + 1, 7)))),
    ("campaigns", "starts_at"): tuple(sorted(_DAYS)),
    ("campaigns", "ends_at"): tuple(sorted(_DAYS)),
    ("redemptions", "redeemed_at"): tuple(sorted(_DAYS)),
    ("events", "occurred_at"): tuple(sorted(_DAYS)),
}
"""Ages in days up to which a row counts somewhere, by the time that it is of; orders are counted by weeks back, too."""


def next_change(tables: Mapping[str, pa.Table], as_of: datetime) -> dict[str, datetime]:
    """For each customer the first as-of time after `as_of` at which a feature other than an age may be another.

    A row of age a (whole seconds) counts in a window of d days while 1 ≤ a ≤ 86,400 d. Who is not in it has nothing more to
    lose: no feature changes without a new event.
    """
    as_of_s = int(as_of.timestamp())
    first: dict[str, int] = {}
    for (table, time), days in WINDOWS.items():
        rows = tables[table]
        moments = rows[time].cast(pa.timestamp("us")).drop_null()
        owners = rows["customer_id"].filter(rows[time].is_valid()).to_pylist()
        at_s = np.floor_divide(moments.cast(pa.int64()).to_numpy(), 1_000_000)
        for owner, change_s in zip(owners, _next_changes(at_s, as_of_s, days), strict=True):
            if change_s and change_s < first.get(owner, change_s + 1):
                first[owner] = change_s
    return {owner: datetime.fromtimestamp(change_s, UTC) for owner, change_s in first.items()}


def _next_changes(at_s: npt.NDArray[np.int64], as_of_s: int, days: tuple[int, ...]) -> list[int]:
    """For each row the as-of second at which it leaves the next window; 0 where it has left all."""
    ends_s = np.array(days, dtype=np.int64) * DAY_S + 1
    place = np.searchsorted(ends_s, as_of_s - at_s, side="right")
    left_all = place == len(days)
    changes: list[int] = np.where(left_all, 0, at_s + ends_s[np.minimum(place, len(days) - 1)]).tolist()
    return changes
