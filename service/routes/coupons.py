"""Redeeming coupons, looking them up, and the keys to check them with."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Response

from service.coupons.redemption import REFUSALS, look_up, redeem, state_of
from service.coupons.schema import CouponState, JsonWebKeys, RedeemRequest
from service.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    LogUnavailableError,
    TamperedCouponError,
    UnknownCouponError,
)
from service.routes.dependencies import Gardoon, problems
from service.state import State
from service.store.coupon_log import StoredCoupon

router = APIRouter()
Code = Annotated[str, Path(min_length=1, max_length=64, description="as shown or typed")]
_READ = problems(UnknownCouponError, TamperedCouponError, InvalidRequestError, LogUnavailableError)
_REDEEM = problems(*REFUSALS, BodyTooLargeError, InvalidRequestError, LogUnavailableError)


@router.post("/v1/coupons/redeem", responses=_REDEEM, tags=["coupons"])
async def redeem_one(request: RedeemRequest, gardoon: Gardoon) -> CouponState:
    """Redeem a coupon for an order, once; the same order again gets the same answer."""
    return _shown(gardoon, await asyncio.to_thread(_redeemed, gardoon, request))


@router.get("/v1/coupons/keys", tags=["coupons"])
async def read_keys(gardoon: Gardoon, response: Response) -> JsonWebKeys:
    """The public keys that coupons' tokens are checked with, as a JSON Web Key Set (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeys.model_validate({"keys": gardoon.coupon_keys.public()})


@router.get("/v1/coupons/{code}", responses=_READ, tags=["coupons"])
async def read_coupon(code: Code, gardoon: Gardoon) -> CouponState:
    """How a coupon stands."""
    return _shown(gardoon, await asyncio.to_thread(look_up, gardoon.engine, code))


def _redeemed(gardoon: State, request: RedeemRequest) -> StoredCoupon:
    """The coupon, redeemed; what became of the attempt is counted."""
    attempts = gardoon.metrics.redemptions
    try:
        coupon, taken = redeem(gardoon.engine, gardoon.coupon_keys, request, gardoon.clock())
    except tuple(REFUSALS) as error:
        attempts.labels(REFUSALS[type(error)]).inc()
        raise
    attempts.labels("redeemed" if taken else "repeated").inc()
    return coupon


def _shown(gardoon: State, coupon: StoredCoupon) -> CouponState:
    return CouponState(
        code=coupon.code,
        state=state_of(coupon, gardoon.clock()),
        amount=coupon.amount,
        currency=coupon.currency,
        expires_at=coupon.expires_at,
        decision_id=coupon.decision_id,
        order_id=coupon.order_id,
        redeemed_at=coupon.redeemed_at,
        discount=coupon.discount,
    )
