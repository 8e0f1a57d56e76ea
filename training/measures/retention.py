"""Retention by cohort: who orders again, so many days, weeks or months after joining."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from models.feedback import Integers
from training.measures.interval import share_of
from training.measures.moment import DAY_US, day_of, period_starts


@dataclass(frozen=True, kw_only=True)
class Grain:
    """How long one period after joining is, how many are looked at, and the calendar period whose joiners are a cohort."""

    days: int
    n_periods: int
    cohort: Literal["week", "month"]


DAYS: Final = Grain(days=1, n_periods=30, cohort="week")
WEEKS: Final = Grain(days=7, n_periods=26, cohort="month")
MONTHS: Final = Grain(days=30, n_periods=24, cohort="month")


@dataclass(frozen=True, kw_only=True)
class RetentionRow:
    """Of a cohort, the share that ordered in one period after joining, the first being 1."""

    cohort: date
    customers: int
    period: int
    observed: int
    active: int
    rate: float
    low: float
    high: float


def retention(
    joined_us: Integers, buyer: Integers, ordered_us: Integers, *, ends_us: int, time_zone: str, grain: Grain
) -> list[RetentionRow]:
    """One row a cohort and period that somebody has wholly lived through, cohorts ascending.

    Period k of a customer is [joined + (k-1)·L, joined + k·L). Only customers whose period k ended before `ends_us` count in
    it, `observed`, so that a young cohort's last period is not too low.
    """
    observed, active = activity(joined_us, buyer, ordered_us, ends_us=ends_us, grain=grain)
    starts = period_starts(joined_us, time_zone, grain.cohort)
    rows = []
    for start in np.unique(starts):
        mine = starts == start
        n_observed, n_active = observed[mine].sum(axis=0), active[mine].sum(axis=0)
        for place in np.flatnonzero(n_observed):
            found = share_of(int(n_active[place]), int(n_observed[place]))
            rows.append(
                RetentionRow(
                    cohort=day_of(start),
                    customers=int(mine.sum()),
                    period=int(place) + 1,
                    observed=int(n_observed[place]),
                    active=int(n_active[place]),
                    rate=found.value,
                    low=found.low,
                    high=found.high,
                )
            )
    return rows


def activity(
    joined_us: Integers, buyer: Integers, ordered_us: Integers, *, ends_us: int, grain: Grain
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each customer's period has ended, and whether they ordered in it then, `(n_customers, n_periods)` each."""
    length_us = grain.days * DAY_US
    periods = np.arange(1, grain.n_periods + 1)
    observed = joined_us[:, None] + periods * length_us <= ends_us
    place = (ordered_us - joined_us[buyer]) // length_us
    inside = (place >= 0) & (place < grain.n_periods)
    active = np.zeros(observed.shape, dtype=bool)
    active[buyer[inside], place[inside]] = True
    return observed, active & observed
