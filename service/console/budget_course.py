"""How a coupon budget and its λ went through the hours of a day, as the decisions of the log saw them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from service.guardrails.pacing import elapsed_share
from service.guardrails.period import Period
from service.point_decisions import CouponPoint
from service.standing import BudgetStanding
from service.store.engine import microseconds
from service.store.tables import decisions

LOOKED_AT: Final = 20
"""So many of an hour's last decisions are looked at for one that read the budget: not all of them may choose a coupon."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class BudgetHour:
    """A budget as the last decision of the hour found it, None where there was none; λ is what weighed that decision.

    elapsed_share: of the day at the hour's end, which an even pace would have used.
    """

    begins: datetime
    elapsed_share: float
    used: int | None
    used_share: float | None
    price: float | None


def read_course(
    connection: Connection, journey: str, coupon: CouponPoint, day: Period
) -> Sequence[BudgetHour]:
    """The hours of a day of the shop's zone, against the limit and the lowest λ as the rules are now."""
    assert coupon.daily_budget is not None
    found, begins = [], day.starts_at
    while begins < day.ends_at:
        budget = _last_told(connection, journey, day.name, begins)
        over = elapsed_share(day, begins + _HOUR)
        if budget is None:
            found.append(BudgetHour(begins, over, None, None, None))
        else:
            price = max(coupon.budget_price, budget.price)
            used_share = budget.used / coupon.daily_budget
            found.append(BudgetHour(begins, over, budget.used, used_share, price))
        begins += _HOUR
    return found


def _last_told(connection: Connection, journey: str, day: str, begins: datetime) -> BudgetStanding | None:
    decided = decisions.c.decided_at
    query = (
        select(decisions.c.record)
        .where(decisions.c.journey == journey)
        .where(decided >= microseconds(begins), decided < microseconds(begins + _HOUR))
        .order_by(decided.desc())
        .limit(LOOKED_AT)
    )
    for content in connection.scalars(query):
        told = (json.loads(content).get("standing") or {}).get("budget")
        if told and told["day"] == day:
            return BudgetStanding.model_validate(told)
    return None
