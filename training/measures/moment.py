"""Times as numbers and days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.feedback import Integers
from training.simulation.shop import to_local

DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(at_us: int) -> datetime:
    """The aware moment of microseconds since 1970 UTC."""
    return _EPOCH + timedelta(microseconds=int(at_us))


def local_times(at_us: Integers, time_zones: NDArray[np.str_]) -> NDArray[np.datetime64]:
    """The clocks of these zones, `(n,)`."""
    local: NDArray[np.datetime64] = to_local(at_us.astype("datetime64[us]"), time_zones)
    return local


def period_starts(
    at_us: Integers, time_zone: str, period: Literal["week", "month"]
) -> NDArray[np.datetime64]:
    """The first day of the calendar month, or the Monday of the week, that each time is in by the zone's clock, `(n,)`."""
    days = local_times(at_us, np.full(len(at_us), time_zone)).astype("datetime64[D]")
    if period == "month":
        return np.asarray(days.astype("datetime64[M]").astype("datetime64[D]"))
    since_monday = (days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
    return np.asarray(days - since_monday.astype("timedelta64[D]"))


def day_of(value: np.datetime64) -> date:
    """A numpy day as Python's."""
    found: date = value.astype("datetime64[D]").item()
    return found
