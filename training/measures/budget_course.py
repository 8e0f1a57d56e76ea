"""How coupon budgets and their shadow price λ went through the hours of a day, as the decisions of the log saw them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from features.zone import load_zone
from training.evaluation.log_rules import Rules
from training.measures.budget import BudgetRow, day_of
from training.measures.last_records import last_records

LOOKED_AT: Final = 20
"""So many of an hour's last decisions are looked at for one that read the budget: not all of them may choose a coupon."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class BudgetHourRow:
    """A journey's budget as the last decision of an hour found it; amounts in the shop's currency.

    begins: of the hour, in the shop's zone. limit: as that decision's rules declare it. price: λ that weighed it, at least
    the rules' `budget_price`. elapsed_share: of the day at the hour's end, which an even pace would have used.
    """

    journey: str
    begins: datetime
    limit: int | None
    used: int
    used_share: float
    elapsed_share: float
    price: float


def read_budget_course(
    connection: Connection, rules: Rules, days: Sequence[BudgetRow], time_zone: str
) -> list[BudgetHourRow]:
    """The hours of these journeys' days in which a decision read the budget."""
    zone = load_zone(time_zone)
    found = []
    for row in days:
        starts, ends = day_of(row.day.isoformat(), zone)
        for begins in _hours(starts, ends):
            told = _last_told(connection, row, begins, begins + _HOUR)
            if told is not None:
                share = min((begins + _HOUR - starts) / (ends - starts), 1.0)
                found.append(_row(row.journey, begins.astimezone(zone), share, told, rules))
    return found


def _hours(starts: datetime, ends: datetime) -> Iterator[datetime]:
    while starts < ends:
        yield starts
        starts += _HOUR


def _last_told(
    connection: Connection, row: BudgetRow, begins: datetime, ends: datetime
) -> dict[str, Any] | None:
    """The record of the last decision of [begins, ends) that read the budget of the day."""
    for record in last_records(connection, row.journey, begins, ends, LOOKED_AT):
        budget = (record.get("standing") or {}).get("budget")
        if budget and budget["day"] == row.day.isoformat():
            return record
    return None


def _row(
    journey: str, begins: datetime, elapsed_share: float, record: dict[str, Any], rules: Rules
) -> BudgetHourRow:
    budget = record["standing"]["budget"]
    coupon = rules.get(record["versions"]["journey"], {}).get("coupon") or {}
    limit: int | None = coupon.get("daily_budget")
    return BudgetHourRow(
        journey=journey,
        begins=begins,
        limit=limit,
        used=budget["used"],
        used_share=budget["used"] / limit if limit else math.nan,
        elapsed_share=elapsed_share,
        price=max(budget["price"], coupon.get("budget_price", 0.0)),
    )
