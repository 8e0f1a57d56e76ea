"""The day's coupon budget: sizes that it no longer holds are not offered."""

from __future__ import annotations

from datetime import datetime

from service.guardrails.mask import Mask
from service.guardrails.reason import Found
from service.standing import BudgetStanding


def mask_budget(mask: Mask, daily_budget: int, budget: BudgetStanding, ends_at: datetime) -> None:
    """Leave the sizes whose face value is left in the budget until its day `ends_at`; no coupon costs nothing.

    What the log takes it checks again: two decisions that both see the last coupon do not both get it.
    """
    left = daily_budget - budget.used
    dear = [name for name in mask.actions if name.isdigit() and int(name) > left]
    if not dear:
        return
    detail = f"{max(left, 0):,} of the day's {daily_budget:,} are left"
    mask.remove("budget", dear, detail, Found(daily_budget, budget.used, ends_at))
