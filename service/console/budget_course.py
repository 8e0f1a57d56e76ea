"""How a coupon budget and its λ went through the hours of a day, as the decisions of the log saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from service.console.last_records import last_records
from service.guardrails.pacing import elapsed_share
from service.guardrails.period import Period
from service.store.artifact_store import get_artifact

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class BudgetHour:
    """A budget as the last decision of the hour that read it found it, None where there was none; λ is what weighed it.

    elapsed_share: of the day at the hour's end, which an even pace would have used. used_share: of the limit that held then.
    """

    begins: datetime
    elapsed_share: float
    used: int | None
    used_share: float | None
    price: float | None


def read_course(connection: Connection, journey: str, day: Period) -> Sequence[BudgetHour]:
    """The hours of a day of the shop's zone, by the limit and the lowest λ of the rules that held in each."""
    rules: dict[str, dict[str, Any]] = {}
    found, begins = [], day.starts_at
    while begins < day.ends_at:
        record = _last_told(connection, journey, day.name, begins)
        over = elapsed_share(day, begins + _HOUR)
        if record is None:
            found.append(BudgetHour(begins, over, None, None, None))
        else:
            version = record["versions"]["journey"]
            if version not in rules:
                rules[version] = get_artifact(connection.engine, version).manifest.get("coupon") or {}
            found.append(_hour(begins, over, record["standing"]["budget"], rules[version]))
        begins += _HOUR
    return found


def _hour(begins: datetime, over: float, budget: dict[str, Any], coupon: dict[str, Any]) -> BudgetHour:
    limit = coupon.get("daily_budget")
    used_share = budget["used"] / limit if limit else None
    price = max(budget["price"], coupon.get("budget_price", 0.0))
    return BudgetHour(begins, over, budget["used"], used_share, price)


def _last_told(connection: Connection, journey: str, day: str, begins: datetime) -> dict[str, Any] | None:
    for record in last_records(connection, journey, begins, begins + _HOUR):
        budget = (record.get("standing") or {}).get("budget")
        if budget and budget["day"] == day:
            return record
    return None
