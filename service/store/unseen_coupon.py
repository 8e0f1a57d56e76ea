"""A coupon whose message reached nobody: released before it expires, and good again once somebody did see it.

Rows are locked in the order of `coupon_log`: coupons, then budgets; the caller has done with messages.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Update, exists, update

from models.reward import SEEN
from service.store.coupon_log import OUT, RELEASED
from service.store.tables import budgets, coupons, draws, outcomes


def release_unseen(connection: Connection, decision_id: str) -> None:
    """Release the decision's coupon, its value back in its day's budget, unless somebody may have seen the code.

    That is so where an outcome says it, and where the coupon is a period's draw: whoever asks again is shown the same one.
    """
    seen = exists().where(
        outcomes.c.decision_id == coupons.c.decision_id,
        outcomes.c.kind.in_([kind.value for kind in SEEN]),
    )
    drawn = exists().where(
        draws.c.customer_id == coupons.c.customer_id,
        draws.c.journey == coupons.c.journey,
        draws.c.decision_id == coupons.c.decision_id,
    )
    mine = update(coupons).where(coupons.c.decision_id == decision_id, coupons.c.state == OUT, ~seen, ~drawn)
    _move(connection, mine.values(state=RELEASED), sign=-1)


def revive_seen(connection: Connection, decision_id: str, now: int) -> None:
    """Take back what `release_unseen` did, even past the day's limit, while the coupon lives; `now` in microseconds.

    One that was never activated stays released: it lapsed before it would have expired.
    """
    mine = update(coupons).where(
        coupons.c.decision_id == decision_id,
        coupons.c.state == RELEASED,
        coupons.c.lapses_at == coupons.c.expires_at,
        coupons.c.expires_at > now,
    )
    _move(connection, mine.values(state=OUT), sign=1)


def _move(connection: Connection, change: Update, *, sign: int) -> None:
    """Make the change, and move the coupon's value into (1) or out of (-1) what its day's budget has used."""
    row: Any = connection.execute(
        change.returning(coupons.c.journey, coupons.c.day, coupons.c.amount)
    ).first()
    if row is not None and row.day is not None:
        budget = update(budgets).where(budgets.c.journey == row.journey, budgets.c.day == row.day)
        connection.execute(budget.values(used=budgets.c.used + sign * row.amount))
