"""Redemptions on disk: of all orders that want a coupon one gets it, and the learner hears of it once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from models.reward import OutcomeKind
from service.store.coupon_log import OUT, REDEEMED, RELEASED, StoredCoupon, read_coupon
from service.store.engine import insert_or_ignore, microseconds
from service.store.ledger import note_delivery
from service.store.tables import budgets, coupons, messages, outcomes


@dataclass(frozen=True, kw_only=True)
class Redemption:
    """An order that uses a coupon."""

    order_id: str
    discount: int
    redeemed_at: datetime


def redeem_coupon(engine: Engine, coupon: StoredCoupon, redemption: Redemption) -> tuple[StoredCoupon, bool]:
    """The coupon after this redemption was tried, and whether it took it: it was out and alive, else it stays as it stood.

    Its outcome goes with it in one transaction, and keeps the message's place under the caps: somebody must have seen it.
    """
    mine, at = coupons.c.decision_id == coupon.decision_id, microseconds(redemption.redeemed_at)
    redeem = (
        update(coupons)
        .where(mine, coupons.c.code == coupon.code, coupons.c.state == OUT, coupons.c.expires_at > at)
        .values(
            state=REDEEMED,
            order_id=redemption.order_id,
            redeemed_at=at,
            discount=redemption.discount,
        )
    )
    with engine.connect() as connection, connection.begin() as work:
        note_delivery(
            connection, coupon.decision_id, OutcomeKind.REDEEMED
        )  # first, as all lock messages before coupons
        taken = connection.execute(redeem).rowcount > 0
        if taken:
            connection.execute(insert_or_ignore(engine, outcomes).values(_outcome(coupon, redemption)))
        else:
            work.rollback()
    with engine.connect() as connection:
        found = read_coupon(connection, mine)
    assert found is not None, f"coupon of decision {coupon.decision_id} was there and is gone"
    return found, taken


def note_told_redemption(connection: Connection, decision_id: str, *, at: datetime, discount: float) -> bool:
    """Whether a redemption that the shop tells of by itself is news: not where the coupon is known to be redeemed.

    A coupon that is out is redeemed by it, so that its budget stays used and no order gets it any more. One that was
    released though it had been used in time is, too, and takes its amount out of the day's budget again, even past the
    limit: what was spent was spent.
    """
    place = select(messages.c.decision_id).where(messages.c.decision_id == decision_id)
    connection.execute(place.with_for_update())  # first, as all lock messages before coupons
    mine = coupons.c.decision_id == decision_id
    values = {"state": REDEEMED, "redeemed_at": microseconds(at), "discount": round(discount)}
    if connection.execute(update(coupons).where(mine, coupons.c.state == OUT).values(values)).rowcount:
        return True
    late = update(coupons).where(mine, coupons.c.state == RELEASED, coupons.c.expires_at > microseconds(at))
    released = late.values(values).returning(coupons.c.journey, coupons.c.day, coupons.c.amount)
    row = connection.execute(released).first()
    if row is not None and row.day is not None:
        budget = update(budgets).where(budgets.c.journey == row.journey, budgets.c.day == row.day)
        connection.execute(budget.values(used=budgets.c.used + row.amount))
    known = connection.scalar(select(coupons.c.state).where(mine))
    return row is not None or known != REDEEMED


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
