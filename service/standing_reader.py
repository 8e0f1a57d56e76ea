"""Reading a customer's standing with every journey at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from features.encoding import FeatureVector
from service.allowance import Known, allowance_of
from service.allowance_schema import AllowanceAnswer
from service.course import customer_zone
from service.decision_point import DecisionPoint
from service.guardrails.cap import horizon
from service.pacing import budgets_now
from service.standing import CountedMessage, Draw
from service.state import State
from service.store.standing_rows import StandingQuery, read_standings

UNKNOWN_REACH = {"profile:missing", "profile:stale"}


async def read_allowance(gardoon: State, customer_id: str) -> AllowanceAnswer:
    """What the customer may still get. Without the customer's profile the shop's zone stands in and reach is not told."""
    now = gardoon.clock()
    vector = await gardoon.features_of(customer_id, now)
    return await asyncio.to_thread(allowance_now, gardoon, customer_id, vector, now)


def allowance_now(gardoon: State, customer_id: str, vector: FeatureVector, now: datetime) -> AllowanceAnswer:
    """What the customer with these features may still get."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    zone = customer_zone(vector.strings["time_zone"], gardoon.settings.time_zone)
    features = dict(zip(gardoon.schema.columns, vector.values.tolist(), strict=True))
    with gardoon.engine.connect() as connection:
        messages = _messages(connection, customer_id, points, now)
        draws = _draws(connection, customer_id, points, now, zone)
    budgets = budgets_now(gardoon.engine, points, gardoon.settings.time_zone, now)
    known = Known(
        customer_id=customer_id,
        at=now,
        zone=zone,
        calendar=next(iter(points.values())).shop.calendar,
        features=None if UNKNOWN_REACH & set(vector.degraded) else features,
        messages=messages,
        draws=draws,
        budgets={budget.journey: budget for budget in budgets},
        degraded=vector.degraded,
    )
    return allowance_of(known, points)


def _messages(
    connection: Connection, customer_id: str, points: Mapping[str, DecisionPoint], now: datetime
) -> tuple[CountedMessage, ...]:
    """Every message that counts for any cap."""
    query = StandingQuery(
        at=now,
        customer_id=customer_id,
        journey="",
        horizon=max(map(horizon, points.values())),
        draws=False,
        day=None,
    )
    return read_standings(connection, [query])[0].within(None).messages


def _draws(
    connection: Connection,
    customer_id: str,
    points: Mapping[str, DecisionPoint],
    now: datetime,
    zone: ZoneInfo,
) -> dict[str, Draw]:
    """The draws of the running periods, by journey."""
    found = {}
    for journey, point in points.items():
        period = point.draw_period(now, zone)
        if period is not None:
            query = StandingQuery(
                at=now,
                customer_id=customer_id,
                journey=journey,
                horizon=timedelta(0),
                draws=True,
                day=None,
            )
            draw = read_standings(connection, [query])[0].within(period.name).draw
            found.update({} if draw is None else {journey: draw})
    return found
