"""As-of dates: no training window reaches past the test date, whatever is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.schedule import (
    HISTORY_DAYS,
    TRAINING_AS_OFS,
    Schedule,
    TooLittleDataError,
    last_test_as_of,
    plan_schedule,
)

FIRST = datetime(2017, 1, 1, 11, 53, tzinfo=UTC)
LAST = datetime(2018, 1, 1, 4, 1, tzinfo=UTC)


def _planned(days: int, horizon_days: int, test_after: int | None) -> Schedule | None:
    test_as_of = None if test_after is None else datetime(2017, 1, 1, tzinfo=UTC) + timedelta(days=test_after)
    try:
        return plan_schedule(FIRST, FIRST + timedelta(days=days), horizon_days, test_as_of=test_as_of)
    except TooLittleDataError:
        return None


@given(st.integers(30, 1200), st.integers(1, 120), st.none() | st.integers(-50, 1300))
def test_every_training_window_ends_at_the_test_date_or_before(
    days: int, horizon_days: int, test_after: int | None
) -> None:
    schedule = _planned(days, horizon_days, test_after)

    if schedule is not None:
        assert max(schedule.trained) + timedelta(days=horizon_days) <= schedule.tested
        assert min(schedule.trained) >= FIRST + timedelta(days=HISTORY_DAYS)
        assert 1 <= len(schedule.trained) <= TRAINING_AS_OFS


@given(st.integers(30, 1200), st.integers(1, 120), st.none() | st.integers(-50, 1300))
def test_every_test_window_lies_in_the_data_and_none_is_earlier_than_the_test_date(
    days: int, horizon_days: int, test_after: int | None
) -> None:
    schedule = _planned(days, horizon_days, test_after)

    if schedule is not None:
        assert schedule.tested_later[0] == schedule.tested == min(schedule.tested_later)
        assert max(schedule.tested_later) + timedelta(days=horizon_days) <= FIRST + timedelta(days=days)


def test_the_newest_training_window_ends_exactly_at_the_test_date() -> None:
    asked = datetime(2017, 11, 1, tzinfo=UTC)

    schedule = plan_schedule(FIRST, LAST, 28, test_as_of=asked)

    assert schedule.tested == asked
    assert schedule.trained[-1] == datetime(2017, 10, 4, tzinfo=UTC)


def test_a_test_date_whose_window_passes_the_end_of_the_data_moves_back() -> None:
    schedule = plan_schedule(FIRST, LAST, 90, test_as_of=datetime(2017, 11, 1, tzinfo=UTC))

    assert schedule.tested == last_test_as_of(LAST, 90) == datetime(2017, 10, 3, tzinfo=UTC)
    assert schedule.tested_later == (schedule.tested,)


def test_data_too_short_for_the_horizon_are_refused_with_their_dates() -> None:
    with pytest.raises(TooLittleDataError, match=r"2017-01-01 to 2017-05-31"):
        plan_schedule(FIRST, FIRST + timedelta(days=150), 90)
