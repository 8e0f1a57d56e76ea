"""The rim around pacing: today's budgets read, priced anew, and shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from service.allowance_schema import BudgetNow
from service.decision_point import DecisionPoint
from service.guardrails.pacing import elapsed_share, shadow_price
from service.guardrails.period import period_of
from service.store.budget_log import StoredBudget, read_budgets, set_prices

UNTOUCHED = StoredBudget(0, 0.0)


def pace_budgets(
    engine: Engine, points: Mapping[str, DecisionPoint], time_zone: str, now: datetime
) -> dict[str, float]:
    """Today's λ of every journey with a budget, put down where decisions read it."""
    limits = dict(_limits(points))
    if not limits:
        return {}
    day = period_of("day", now, ZoneInfo(time_zone))
    over, today = elapsed_share(day, now), date.fromisoformat(day.name)
    with engine.begin() as connection:
        stored = read_budgets(connection, today)
        prices = {
            journey: shadow_price(
                used_share=min(stored.get(journey, UNTOUCHED).used / limit, 1.0),
                elapsed_share=over,
                gain=gain,
            )
            for journey, (limit, gain) in limits.items()
        }
        changed = {
            name: price for name, price in prices.items() if price != stored.get(name, UNTOUCHED).price
        }
        set_prices(connection, today, changed)
    return prices


def budgets_now(
    engine: Engine, points: Mapping[str, DecisionPoint], time_zone: str, now: datetime
) -> list[BudgetNow]:
    """How every journey's budget of today stands."""
    day = period_of("day", now, ZoneInfo(time_zone))
    with engine.connect() as connection:
        stored = read_budgets(connection, date.fromisoformat(day.name))
    found = []
    for journey, (limit, _) in _limits(points):
        budget = stored.get(journey, UNTOUCHED)
        coupon = points[journey].coupon
        assert coupon is not None
        found.append(
            BudgetNow(
                journey=journey,
                day=day.name,
                limit=limit,
                used=budget.used,
                left=max(limit - budget.used, 0),
                price=max(coupon.budget_price, budget.price),
                elapsed_share=round(elapsed_share(day, now), 6),
                ends_at=day.ends_at,
            )
        )
    return found


def _limits(points: Mapping[str, DecisionPoint]) -> Iterator[tuple[str, tuple[int, float]]]:
    for journey, point in sorted(points.items()):
        if point.coupon is not None and point.coupon.daily_budget is not None:
            yield journey, (point.coupon.daily_budget, point.coupon.pacing_gain)
