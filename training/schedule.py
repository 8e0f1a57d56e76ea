"""Which as-of dates a scorer learns from and which it is judged at: never one whose window could tell of the test's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

STEP_DAYS: Final = 14
TRAINING_AS_OFS: Final = 12
HISTORY_DAYS: Final = 28
"""A training as-of date has at least this much of the data before it."""

LATER_STEP_DAYS: Final = 7
LATER_TESTS: Final = 8


class TooLittleDataError(ValueError):
    """The data are too short for the horizon asked; the message names the dates."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The as-of dates of one scorer, all UTC.

    Every window [as_of, as_of + horizon) of `trained` ends at `tested` or before, so nothing that is known only after the
    test date is learnt. `tested_later` are further test dates, weekly from `tested` on; the first of them is `tested`.
    """

    horizon_days: int
    trained: tuple[datetime, ...]
    tested: datetime
    tested_later: tuple[datetime, ...]

    @property
    def as_ofs(self) -> tuple[datetime, ...]:
        """Every date that features are needed at, ascending."""
        return tuple(sorted({*self.trained, self.tested, *self.tested_later}))


def last_test_as_of(last_order_at: datetime, horizon_days: int) -> datetime:
    """The latest midnight (UTC) whose window of `horizon_days` lies in the data."""
    return _midnight(last_order_at) - timedelta(days=horizon_days)


def plan_schedule(
    first_order_at: datetime,
    last_order_at: datetime,
    horizon_days: int,
    *,
    test_as_of: datetime | None = None,
) -> Schedule:
    """The as-of dates to train and to test at.

    The test date is `test_as_of`, or the latest whose window lies in the data where that is earlier. Training dates go back
    from `test - horizon` in steps of `STEP_DAYS`, `TRAINING_AS_OFS` at most, as long as `HISTORY_DAYS` of data precede.
    Raises `TooLittleDataError` when no date to train at is left.
    """
    latest = last_test_as_of(last_order_at, horizon_days)
    tested = min(latest, test_as_of or latest)
    earliest = first_order_at + timedelta(days=HISTORY_DAYS)
    newest = tested - timedelta(days=horizon_days)
    back = (newest - timedelta(days=STEP_DAYS * step) for step in range(TRAINING_AS_OFS))
    trained = tuple(sorted(as_of for as_of in back if as_of >= earliest))
    if not trained:
        raise TooLittleDataError(
            f"orders from {first_order_at:%Y-%m-%d} to {last_order_at:%Y-%m-%d}: a test at {tested:%Y-%m-%d} leaves no "
            f"training date with {HISTORY_DAYS} days before it and a window of {horizon_days} days before the test"
        )
    later = (tested + timedelta(days=LATER_STEP_DAYS * step) for step in range(LATER_TESTS))
    return Schedule(
        horizon_days=horizon_days,
        trained=trained,
        tested=tested,
        tested_later=tuple(as_of for as_of in later if as_of <= latest),
    )


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
