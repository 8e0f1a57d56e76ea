"""The coupon budgets: how today's stand, and how used and λ were in the days before."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Engine, select

from service.allowance_schema import BudgetNow
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


def read_budgets(gardoon: State) -> tuple[list[BudgetNow], dict[str, list[BudgetDay]]]:
    """Today's budgets, and the last days of each journey."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    now = gardoon.clock()
    today = budgets_now(gardoon.engine, points, gardoon.settings.time_zone, now)
    return today, _days(gardoon.engine, now.date() - timedelta(days=DAYS))


def _days(engine: Engine, since: date) -> dict[str, list[BudgetDay]]:
    query = (
        select(budgets).where(budgets.c.day >= since.isoformat()).order_by(budgets.c.journey, budgets.c.day)
    )
    found: dict[str, list[BudgetDay]] = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(query):
            found[row.journey].append(BudgetDay(date.fromisoformat(row.day), row.used, row.price))
    return found
