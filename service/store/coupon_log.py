"""Coupons on disk after they were given: redeemed once, or released once.

A coupon is `deferred` until its decision is activated, then `out`, and from there either `redeemed` or `released`. Each step
is one statement that names the state it leaves, so whoever comes second finds nothing left to change. Whatever writes to the
ledger locks rows in one order: standings, coupons, budgets, then the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.sql.elements import ColumnElement

from models.reward import OutcomeKind
from service.standing import SpendClaim
from service.store.engine import insert_or_ignore, microseconds, moment
from service.store.tables import budgets, coupons, outcomes

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


@dataclass(frozen=True, kw_only=True)
class Redemption:
    """An order that uses a coupon."""

    order_id: str
    discount: int
    redeemed_at: datetime


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
        return _find(connection, wanted)


def _find(connection: Connection, wanted: ColumnElement[bool]) -> StoredCoupon | None:
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


def redeem_coupon(engine: Engine, coupon: StoredCoupon, redemption: Redemption) -> StoredCoupon:
    """The coupon after this redemption was tried: redeemed by its order if it was out and alive, else as it stood.

    With the redemption goes its outcome, in one transaction.
    """
    mine, at = coupons.c.decision_id == coupon.decision_id, microseconds(redemption.redeemed_at)
    redeem = (
        update(coupons)
        .where(mine, coupons.c.state == OUT, coupons.c.expires_at > at)
        .values(
            state=REDEEMED,
            order_id=redemption.order_id,
            redeemed_at=at,
            discount=redemption.discount,
        )
    )
    with engine.begin() as connection:
        if connection.execute(redeem).rowcount:
            added = insert_or_ignore(engine, outcomes).values(_outcome(coupon, redemption))
            connection.execute(added)
        found = _find(connection, mine)
    assert found is not None, f"coupon of decision {coupon.decision_id} was there and is gone"
    return found


def _outcome(coupon: StoredCoupon, redemption: Redemption) -> dict[str, Any]:
    """What the learner learns of it: one outcome a coupon, whoever tells of it how often."""
    return {
        "event_id": f"redeemed:{coupon.decision_id}",
        "decision_id": coupon.decision_id,
        "kind": OutcomeKind.REDEEMED.value,
        "value": float(redemption.discount),
        "currency": coupon.currency,
        "occurred_at": microseconds(redemption.redeemed_at),
        "received_at": microseconds(redemption.redeemed_at),
    }


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
