"""Who orders again, counted by hand."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest

from training.evaluation.round_labels import microseconds
from training.measures.lifetime import lifetime_steps
from training.measures.moment import DAY_US, period_starts
from training.measures.retention import Grain, retention
from training.measures.returning import returning

START = microseconds(datetime(2026, 3, 2, tzinfo=UTC))  # a Monday
TEN_DAYS = Grain(days=10, n_periods=3, cohort="month")


def days(*values: float) -> np.ndarray:
    return START + (np.array(values) * DAY_US).astype(np.int64)


def test_a_period_counts_only_those_who_lived_through_it() -> None:
    joined = days(0, 0, 5)
    buyer, ordered = np.array([0, 0, 1, 2, 2]), days(0, 12, 19.99, 7, 16)

    found = retention(joined, buyer, ordered, ends_us=START + 20 * DAY_US, time_zone="UTC", grain=TEN_DAYS)

    assert [(row.period, row.observed, row.active) for row in found] == [(1, 3, 2), (2, 2, 2)]
    assert found[0].cohort == date(2026, 3, 1)
    assert found[0].customers == 3
    assert found[1].rate == 1.0


def test_a_cohort_begins_with_the_shops_month_and_week() -> None:
    late = np.array([microseconds(datetime(2026, 3, 31, 21, tzinfo=UTC))])  # 00:30 on 1 April in Tehran

    assert period_starts(late, "UTC", "month") == np.datetime64("2026-03-01")
    assert period_starts(late, "Asia/Tehran", "month") == np.datetime64("2026-04-01")
    assert period_starts(late, "UTC", "week") == np.datetime64("2026-03-30")


def test_a_cohort_is_apart_from_the_next_one() -> None:
    joined = days(0, 40)
    found = retention(
        joined, np.array([0]), days(3), ends_us=START + 55 * DAY_US, time_zone="UTC", grain=TEN_DAYS
    )

    assert [(row.cohort.month, row.period, row.active) for row in found] == [
        (3, 1, 1),
        (3, 2, 0),
        (3, 3, 0),
        (4, 1, 0),
    ]


def test_the_steps_of_life_count_each_month_and_all_later_ones_as_the_fifth() -> None:
    joined = days(0, 0, 0, 100)
    buyer, ordered = np.array([0, 0, 0, 1, 1, 2, 3]), days(1, 35, 300, 2, 31, 130, 101)

    found = lifetime_steps(joined, buyer, ordered, ends_us=START + 310 * DAY_US)

    assert [(step.step, step.observed, step.active) for step in found] == [
        ("signed up", 4, 4),
        ("month 1", 4, 3),
        ("month 2", 4, 2),
        ("month 3", 4, 0),
        ("month 4", 4, 0),
        ("month 5+", 4, 2),
    ]
    assert [step.drop_off for step in found[:4]] == pytest.approx([0, 0.25, 1 / 3, 1])
    assert math.isnan(found[5].drop_off)


def test_an_interval_tells_who_returned_who_is_new_and_who_came_back() -> None:
    joined = days(0, 0, 0, 12)
    buyer, ordered = np.array([0, 0, 0, 1, 2, 3]), days(5, 15, 25, 6, 21, 13)

    found = returning(joined, buyer, ordered, begins_us=START, ends_us=START + 30 * DAY_US, days=10)

    told = [(row.active_before, row.returned, row.active, row.new, row.reactivated) for row in found]
    assert told == [(2, 1, 2, 1, 0), (2, 1, 2, 0, 1)]
    assert (found[0].starts, found[0].ends) == (date(2026, 3, 12), date(2026, 3, 22))


def test_intervals_longer_than_the_history_have_no_row() -> None:
    joined, nobody = days(0), np.array([], dtype=np.int64)

    assert returning(joined, nobody, nobody, begins_us=START, ends_us=START + 30 * DAY_US, days=20) == []
