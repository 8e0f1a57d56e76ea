"""A shadow price λ that makes a day's budget last the day: it rises as the money runs ahead of the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from service.guardrails.period import Period

GAIN: Final = 20.0
HIGHEST: Final = 100.0


def shadow_price(*, used_share: float, elapsed_share: float, gain: float = GAIN) -> float:
    """λ = gain · ((1 - elapsed share of the day) / (1 - used share of the budget) - 1), within 0 and `HIGHEST`.

    0 while the budget lasts at least as long as the day. With what is left the same lead weighs more, so the budget is not
    spent to the last before the day is over. It depends on nothing but the two shares: whoever works it out, how often and
    after whatever pause finds the same. At the default gain a lead of a tenth of what is left makes a coupon cost three
    times its value.

    >>> shadow_price(used_share=0.2, elapsed_share=0.5)
    0.0
    >>> round(shadow_price(used_share=0.5, elapsed_share=0.45), 6)
    2.0
    """
    left, remaining = 1 - used_share, 1 - elapsed_share
    if gain == 0 or remaining <= left:
        return 0.0
    return min(gain * (remaining / left - 1), HIGHEST) if left > 0 else HIGHEST


def elapsed_share(day: Period, at: datetime) -> float:
    """How much of a period is over, 0 to 1; days on which the clock moves are shorter or longer."""
    share = (at - day.starts_at) / (day.ends_at - day.starts_at)
    return min(max(share, 0.0), 1.0)
