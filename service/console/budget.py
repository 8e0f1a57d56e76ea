"""The coupon budgets: how today's stand, how they went through a day, and how used and λ were in the days before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from service.allowance_schema import BudgetNow
from service.console.budget_course import BudgetHour, read_course
from service.guardrails.period import period_of
from service.pacing import budgets_now
from service.state import State
from service.store.tables import budgets

DAYS: Final = 30


@dataclass(frozen=True)
class BudgetDay:
    """Face value used of a day's budget, and λ as it last stood."""

    day: date
    used: int
    price: float


@dataclass(frozen=True)
class Course:
    """How the budgets went through one day, by journey."""

    day: date
    hours: dict[str, Sequence[BudgetHour]]


def read_courses(gardoon: State, asked: date | None) -> Course:
    """The hours of this day of the shop's zone, today's where none is asked for, of every journey with a budget."""
    zone = ZoneInfo(gardoon.settings.time_zone)
    noon = gardoon.clock() if asked is None else datetime.combine(asked, time(12), zone)
    day = period_of("day", noon, zone)
    with gardoon.engine.connect() as connection:
        hours = {
            name: read_course(connection, name, day)
            for name, rules in sorted(gardoon.rules.items())
            if (coupon := rules.point.coupon) is not None and coupon.daily_budget is not None
        }
    return Course(date.fromisoformat(day.name), hours)


def read_budgets(gardoon: State) -> tuple[list[BudgetNow], dict[str, list[BudgetDay]]]:
    """Today's budgets, and the last days of each journey; days are those of the shop's zone."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    zone, now = gardoon.settings.time_zone, gardoon.clock()
    today = budgets_now(gardoon.engine, points, zone, now)
    return today, _days(gardoon.engine, now.astimezone(ZoneInfo(zone)).date() - timedelta(days=DAYS))


def _days(engine: Engine, since: date) -> dict[str, list[BudgetDay]]:
    query = (
        select(budgets).where(budgets.c.day >= since.isoformat()).order_by(budgets.c.journey, budgets.c.day)
    )
    found: dict[str, list[BudgetDay]] = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(query):
            found[row.journey].append(BudgetDay(date.fromisoformat(row.day), row.used, row.price))
    return found
