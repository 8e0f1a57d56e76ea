"""The day's coupon budgets: what is used of each and the shadow price that paces it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select, update

from service.store.tables import budgets


@dataclass(frozen=True)
class StoredBudget:
    """Face value out or redeemed of a journey's day, and its λ."""

    used: int
    price: float


def read_budgets(connection: Connection, day: date) -> dict[str, StoredBudget]:
    """The budgets of a day by journey; a journey that gave nothing yet has none."""
    query = select(budgets.c.journey, budgets.c.used, budgets.c.price).where(budgets.c.day == day.isoformat())
    return {row.journey: StoredBudget(row.used, row.price) for row in connection.execute(query)}


def set_prices(connection: Connection, day: date, prices: Mapping[str, float]) -> None:
    """Put down the λ of journeys on a day; one that gave nothing yet needs none."""
    for journey, price in sorted(prices.items()):
        query = update(budgets).where(budgets.c.journey == journey, budgets.c.day == day.isoformat())
        connection.execute(query.values(price=price))
