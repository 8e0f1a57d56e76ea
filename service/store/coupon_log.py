"""Coupons on disk after they were given: redeemed once, or released once.

A coupon is `deferred` until its decision is activated, then `out`, and from there either `redeemed` or `released`. Each step
is one statement that names the state it leaves, so whoever comes second finds nothing left to change. Whatever writes to the
ledger locks rows in one order: standings, messages, coupons, budgets, draws; who holds a customer's standing may lock their
draws earlier.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from service.standing import SpendClaim
from service.store.engine import microseconds, moment
from service.store.tables import budgets, coupons, draws

StoredState = Literal["deferred", "out", "redeemed", "released"]
DEFERRED: Final = "deferred"
OUT: Final = "out"
REDEEMED: Final = "redeemed"
RELEASED: Final = "released"


@dataclass(frozen=True, kw_only=True)
class StoredCoupon:
    """A coupon as it stands; `discount` is what its redemption took off the order."""

    decision_id: str
    customer_id: str
    code: str
    amount: int
    currency: str
    expires_at: datetime
    state: StoredState
    order_id: str | None
    redeemed_at: datetime | None
    discount: int | None


def coupon_row(spend: SpendClaim) -> dict[str, Any]:
    """The columns of a coupon that was just given; the caller adds whose it is."""
    return {
        "code": spend.code,
        "amount": spend.amount,
        "currency": spend.currency,
        "day": None if spend.limit is None else spend.day.isoformat(),
        "expires_at": microseconds(spend.expires_at),
        "lapses_at": microseconds(spend.activate_by or spend.expires_at),
        "state": DEFERRED if spend.activate_by else OUT,
    }


def find_coupon(
    engine: Engine, *, code: str | None = None, decision_id: str | None = None
) -> StoredCoupon | None:
    """The coupon of that code or decision; None where there is none."""
    wanted = coupons.c.code == code if code is not None else coupons.c.decision_id == decision_id
    with engine.connect() as connection:
        return read_coupon(connection, wanted)


def read_coupon(connection: Connection, wanted: ColumnElement[bool]) -> StoredCoupon | None:
    """The one coupon of which this holds; None where there is none."""
    row = connection.execute(select(coupons).where(wanted)).mappings().one_or_none()
    if row is None:
        return None
    return StoredCoupon(
        decision_id=row["decision_id"],
        customer_id=row["customer_id"],
        code=row["code"],
        amount=row["amount"],
        currency=row["currency"],
        expires_at=moment(row["expires_at"]),
        state=row["state"],
        order_id=row["order_id"],
        redeemed_at=None if row["redeemed_at"] is None else moment(row["redeemed_at"]),
        discount=row["discount"],
    )


def release_lapsed_coupons(engine: Engine, now: datetime, *, at_most: int = 500) -> int:
    """How many coupons were released because nobody redeemed or activated them in time, up to so many.

    Their face value is back in the budgets of their days with the same commit.
    """
    lapsed = (
        select(coupons.c.decision_id)
        .where(coupons.c.state.in_((OUT, DEFERRED)), coupons.c.lapses_at <= microseconds(now))
        .order_by(coupons.c.lapses_at)
        .limit(at_most)
    )
    with engine.connect() as connection:
        found = sorted(connection.scalars(lapsed))
    if not found:
        return 0
    release = (
        update(coupons)
        .where(
            coupons.c.decision_id.in_(found),
            coupons.c.state.in_((OUT, DEFERRED)),
            coupons.c.lapses_at <= microseconds(now),
        )
        .values(state=RELEASED)
        .returning(coupons.c.journey, coupons.c.day, coupons.c.amount)
    )
    with engine.begin() as connection:
        released = connection.execute(release).all()
        back = Counter[tuple[str, str]]()
        for row in released:
            if row.day is not None:
                back[row.journey, row.day] += row.amount
        for (journey, day), amount in sorted(back.items()):
            budget = update(budgets).where(budgets.c.journey == journey, budgets.c.day == day)
            connection.execute(budget.values(used=budgets.c.used - amount))
    return len(released)


def free_lapsed_draws(engine: Engine, now: datetime) -> int:
    """How many draws of deferred decisions were forgotten because nobody activated them in time.

    They counted no longer since then; a customer who drew anew in the meantime has taken the row over.
    """
    with engine.begin() as connection:
        return connection.execute(delete(draws).where(draws.c.lapses_at <= microseconds(now))).rowcount
