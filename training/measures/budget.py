"""Coupon budgets and their shadow price λ, day by day, as the service's log has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, column, func, select, table

from features.zone import load_zone
from training.evaluation.log_rules import Rules
from training.measures.last_records import last_records

_budgets = table("budgets", *map(column, ("journey", "day", "used", "price")))
_coupons = table("coupons", *map(column, ("journey", "day", "state", "discount")))


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """A journey's day of the shop's zone; amounts in the shop's currency.

    limit: as the rules of the journey's last decision of that day declare it, None where they set none or the log holds no
    decision of the day any more. used: face value of the coupons
    out or redeemed. price: λ as it last stood that day, each unit of coupon cost counting as 1 + λ. discount: what redeemed
    coupons took off orders.
    """

    journey: str
    day: date
    limit: int | None
    used: int
    used_share: float
    price: float
    coupons: int
    redeemed: int
    discount: int


def read_budgets(
    connection: Connection, rules: Rules, begins: date, ends: date, time_zone: str
) -> list[BudgetRow]:
    """The days from `begins` through `ends` that gave a coupon, by journey and day."""
    coupons = _coupons.c
    counted = (
        select(
            coupons.journey,
            coupons.day,
            func.count().filter(coupons.state.in_(("out", "redeemed"))).label("coupons"),
            func.count().filter(coupons.state == "redeemed").label("redeemed"),
            func.coalesce(func.sum(coupons.discount), 0).label("discount"),
        )
        .group_by(coupons.journey, coupons.day)
        .subquery()
    )
    same = and_(counted.c.journey == _budgets.c.journey, counted.c.day == _budgets.c.day)
    query = (
        select(_budgets, counted.c.coupons, counted.c.redeemed, counted.c.discount)
        .outerjoin_from(_budgets, counted, same)
        .where(_budgets.c.day >= begins.isoformat(), _budgets.c.day <= ends.isoformat())
        .order_by(_budgets.c.journey, _budgets.c.day)
    )
    rows = connection.execute(query).all()
    zone = load_zone(time_zone)
    return [_row(row, _limit(connection, rules, row.journey, *day_of(row.day, zone))) for row in rows]


def _row(row: Any, limit: int | None) -> BudgetRow:
    return BudgetRow(
        journey=row.journey,
        day=date.fromisoformat(row.day),
        limit=limit,
        used=row.used,
        used_share=row.used / limit if limit else math.nan,
        price=row.price,
        coupons=row.coupons or 0,
        redeemed=row.redeemed or 0,
        discount=int(row.discount or 0),
    )


def day_of(day: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a day of the zone starts and ends, in UTC."""
    starts = datetime.combine(date.fromisoformat(day), time(), zone)
    ends = datetime.combine(starts.date() + timedelta(days=1), time(), zone)
    return starts.astimezone(UTC), ends.astimezone(UTC)


def _limit(
    connection: Connection, rules: Rules, journey: str, starts: datetime, ends: datetime
) -> int | None:
    record = next(last_records(connection, journey, starts, ends, most=1), None)
    declared = rules.get(record["versions"]["journey"], {}) if record else {}
    limit: int | None = (declared.get("coupon") or {}).get("daily_budget")
    return limit
