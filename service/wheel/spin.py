"""What a customer's wheel shows: what was drawn in this period, or what is drawn when it is spun."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from service.asker import Asker
from service.course import customer_zone
from service.forcing import decide_for
from service.schemas import Coupon, DecideRequest, Trigger
from service.state import State
from service.store.standing_rows import StandingQuery
from service.wheel.link import Wheel

SPINNER: Final = Asker(identity="wheel", key_scope="wheel", rights=frozenset())
"""Who holds a link may spin the wheel and nothing else."""


@dataclass(frozen=True)
class Drawn:
    """What the wheel stopped at; no coupon where there is none to win."""

    coupon: Coupon | None


async def drawn_already(gardoon: State, wheel: Wheel) -> Drawn | None:
    """What was drawn in the period that it is for the customer; None before the wheel was spun."""
    now, rules = gardoon.clock(), gardoon.rules_of(wheel.journey)
    features = await gardoon.features_of(wheel.customer_id, now)
    query = StandingQuery(
        at=now,
        customer_id=wheel.customer_id,
        journey=wheel.journey,
        horizon=timedelta(0),
        draws=rules.point.has_draws,
        day=None,
    )
    found = await gardoon.standings.begin(query)
    draw = found.within(rules.draw_period(now, features.strings["time_zone"])).draw
    return None if draw is None else Drawn(draw.coupon)


async def spin(gardoon: State, wheel: Wheel) -> Drawn:
    """What the wheel stops at: the period's draw, made now if it was not. Raises what deciding raises."""
    known = await drawn_already(gardoon, wheel)
    if known is not None:
        return known
    request = DecideRequest(
        customer_id=wheel.customer_id,
        journey=wheel.journey,
        decide=("coupon",),
        trigger=Trigger(name="wheel_spun"),
    )
    answer = json.loads((await decide_for(gardoon, SPINNER, request, None)).content)
    return Drawn(None if answer["coupon"] is None else msgspec.convert(answer["coupon"], Coupon))


async def zone_of(gardoon: State, wheel: Wheel) -> ZoneInfo:
    """The customer's zone, in whose midnight the code ends; the shop's where it is not known."""
    features = await gardoon.features_of(wheel.customer_id, gardoon.clock())
    return customer_zone(features.strings["time_zone"], gardoon.settings.time_zone)


def amounts_of(gardoon: State, wheel: Wheel) -> tuple[int, ...]:
    """What the wheel can stop at, in its order: nothing first."""
    coupon = gardoon.rules_of(wheel.journey).point.coupon
    return (0, *sorted({amount for amount in coupon.amounts if amount > 0})) if coupon else (0,)
