"""Redeeming a coupon: read what was presented, check it, take it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine

from service.coupons.code import read_code
from service.coupons.key_ring import CouponKeys
from service.coupons.schema import RedeemRequest, State
from service.coupons.token import SignedCoupon, key_id_of, read_token
from service.errors import (
    CouponExpiredError,
    CouponInactiveError,
    CouponRedeemedError,
    ForeignCouponError,
    ServiceError,
    TamperedCouponError,
    UnknownCouponError,
)
from service.store.coupon_log import DEFERRED, REDEEMED, RELEASED, StoredCoupon, find_coupon
from service.store.redemption_log import Redemption, redeem_coupon

REFUSALS: Mapping[type[ServiceError], str] = {
    CouponRedeemedError: "second",
    CouponInactiveError: "deferred",
    CouponExpiredError: "expired",
    TamperedCouponError: "tampered",
    ForeignCouponError: "foreign",
    UnknownCouponError: "unknown",
}
"""How `gardoon_coupon_redemptions_total` names them."""


def redeem(
    engine: Engine, keys: CouponKeys, request: RedeemRequest, now: datetime
) -> tuple[StoredCoupon, bool]:
    """The coupon, redeemed by the request's order, and whether that is new: a repetition finds it redeemed earlier.

    Raises: `TamperedCouponError`, `UnknownCouponError`, `ForeignCouponError`, `CouponInactiveError`, `CouponExpiredError`;
    `CouponRedeemedError` when another order has used it.
    """
    coupon = _presented(engine, keys, request)
    if request.customer_id not in (None, coupon.customer_id):
        raise ForeignCouponError("the coupon was given to another customer than the request's")
    discount = coupon.amount if request.order_value is None else min(coupon.amount, request.order_value)
    redemption = Redemption(order_id=request.order_id, discount=discount, redeemed_at=now)
    after, taken = redeem_coupon(engine, coupon, redemption)
    if after.state == REDEEMED:
        if after.order_id == request.order_id:
            return after, taken
        raise CouponRedeemedError("another order has used the coupon")
    if after.state == DEFERRED:
        raise CouponInactiveError(f"decision {after.decision_id} is deferred and was not activated")
    if after.state == RELEASED and now < after.expires_at:
        raise CouponExpiredError(
            "the coupon was taken back: nobody activated it, or its message reached nobody"
        )
    raise CouponExpiredError(f"the coupon was valid until {after.expires_at.isoformat()}")


def look_up(engine: Engine, text: str) -> StoredCoupon:
    """The coupon of a code as it stands. Raises `TamperedCouponError`, `UnknownCouponError`."""
    code = read_code(text)
    if code is None:
        raise TamperedCouponError(
            "no code has this form; wanted 16 letters and digits such as 7K3M-9QXT-0R5C-HWB2"
        )
    coupon = find_coupon(engine, code=code)
    if coupon is None:
        raise UnknownCouponError(f"no coupon {code} was given")
    return coupon


def state_of(coupon: StoredCoupon, now: datetime) -> State:
    """The coupon's state as people speak of it: one that nobody redeemed in time is expired, released or not yet."""
    over = coupon.state != REDEEMED and coupon.expires_at <= now
    return "expired" if over else coupon.state


def _presented(engine: Engine, keys: CouponKeys, request: RedeemRequest) -> StoredCoupon:
    if request.token is None:
        assert request.code is not None, "the request has either"
        return look_up(engine, request.code)
    said = _signed(keys, request.token)
    coupon = find_coupon(engine, decision_id=said.decision_id)
    if coupon is None:
        raise UnknownCouponError(f"decision {said.decision_id} gave no coupon")
    if said != _as_given(coupon):
        raise TamperedCouponError(f"the token says otherwise than decision {said.decision_id} gave")
    return coupon


def _signed(keys: CouponKeys, token: str) -> SignedCoupon:
    key_id = key_id_of(token)
    key = keys.find(key_id)
    if key is None:
        raise TamperedCouponError(f"the token is signed with a key that is none of ours: {key_id!r}")
    if key.revoked:
        raise TamperedCouponError(
            f"the token is signed with key {key_id!r}, which is revoked; the code is still good"
        )
    return read_token(token, key.public_jwk())


def _as_given(coupon: StoredCoupon) -> SignedCoupon:
    return SignedCoupon.of(
        decision_id=coupon.decision_id,
        customer_id=coupon.customer_id,
        amount=coupon.amount,
        currency=coupon.currency,
        expires_at=coupon.expires_at,
    )
