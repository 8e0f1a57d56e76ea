"""The link to a customer's wheel: sealed, so that it names nobody, is made by nobody else and opens for minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from service.coupons.key_ring import CouponKeys
from service.errors import SpentLinkError, UnusableRequestError
from service.sealed import UnsealedError, seal, unseal
from service.state import State
from service.wheel.schema import WheelLink, WheelLinkRequest

PATH: Final = "/wheel"
_PURPOSE: Final = "wheel link"


@dataclass(frozen=True)
class Wheel:
    """Whose wheel a link opens."""

    customer_id: str
    journey: str


def make_link(gardoon: State, request: WheelLinkRequest) -> WheelLink:
    """The link to a customer's wheel.

    Raises: `UnknownJourneyError`; `UnusableRequestError` when the journey has no draw.
    """
    coupon = gardoon.rules_of(request.journey).point.coupon
    if coupon is None or coupon.once_per is None:
        raise UnusableRequestError(
            f"{request.journey} draws no coupon once per period; a wheel needs coupon.once_per"
        )
    now = gardoon.clock()
    until = (now + timedelta(minutes=request.minutes)).replace(microsecond=0)
    content = {"customer_id": request.customer_id, "journey": request.journey}
    text = seal(gardoon.coupon_keys.current, _PURPOSE, content, now=now, until=until)
    return WheelLink(path=f"{PATH}?{urlencode({'link': text})}", expires_at=until)


def open_link(keys: CouponKeys, text: str, now: datetime) -> Wheel:
    """Whose wheel it is. Raises `SpentLinkError`."""
    try:
        return Wheel(**unseal(keys, _PURPOSE, text, now=now))
    except UnsealedError as error:
        raise SpentLinkError(f"the link to the wheel does not open it: {error}") from None
