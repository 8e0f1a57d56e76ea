"""Standings read together are those that plain statements find one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert, or_, select

from service.errors import UnstorableError
from service.observability import Metrics
from service.schemas import Coupon
from service.standing import BudgetStanding, CountedMessage, Draw, Standing
from service.store.engine import microseconds, moment
from service.store.standing_reads import StandingReads
from service.store.standing_rows import FoundStanding, StandingQuery, read_standings
from service.store.tables import budgets, coupons, draws, messages, standings
from tests.service.conftest import NOW

PERIODS = ("2026-11-21", "2026-11-22", "2026-11-23")
HOUR = timedelta(hours=1)


def fill(engine: Engine, rng: np.random.Generator) -> None:
    """Messages, draws, coupons and versions around now, some of them lapsed or released."""
    rows: dict[Any, list[dict[str, Any]]] = {messages: [], draws: [], coupons: [], standings: []}
    coupon = Coupon(code="c", token="t", amount=1, currency="IRT", expires_at=NOW)
    for number in range(200):
        customer, at = f"c{number % 30}", microseconds(NOW + HOUR * int(rng.integers(-60, 60)))
        lapses_at = None if rng.random() < 0.5 else microseconds(NOW + HOUR * int(rng.integers(-3, 3)))
        common = {"decision_id": f"d{number}", "customer_id": customer, "journey": ("a", "b")[number % 2]}
        rows[messages].append(
            {**common, "tags": "[]", "channel": "sms", "due_at": at, "lapses_at": lapses_at}
        )
        draw = {
            "period": PERIODS[number // 60 % 3],
            "ends_at": at + number,
            "coupon": msgspec.json.encode(coupon).decode() if number % 3 else None,
        }
        rows[draws].append({**common, **draw, "lapses_at": lapses_at})
        state = ("deferred", "released")[number % 5 == 0]
        rest = {"code": f"code {number}", "amount": 1, "currency": "IRT", "expires_at": at, "lapses_at": at}
        if number % 3:
            rows[coupons].append({**common, **rest, "state": state})
    rows[draws] = list({(r["customer_id"], r["journey"], r["period"]): r for r in rows[draws]}.values())
    rows[standings] = [{"customer_id": f"c{n}", "version": n} for n in range(0, 30, 2)]
    rows[budgets] = [{"journey": "a", "day": "2026-11-22", "used": 5, "price": 0.25}]
    with engine.begin() as connection:
        for table, each in rows.items():
            connection.execute(insert(table), each)


JOURNEYS = (("a", HOUR * 48, NOW.date()), ("b", HOUR * 0, None), ("b", HOUR * 5, None))


def query(number: int, kind: int) -> StandingQuery:
    """The query of one of 35 customers, at a moment of its own."""
    journey, horizon, day = JOURNEYS[kind]
    return StandingQuery(
        at=NOW + timedelta(minutes=number % 7 * 20 - 60),
        customer_id=f"c{number}",
        journey=journey,
        horizon=horizon,
        draws=number % 4 > 0,
        day=day,
    )


def period_of(query: StandingQuery) -> str | None:
    """The period in which the query's customer draws."""
    return [None, *PERIODS][int(query.customer_id[1:]) % 4]


def plainly(connection: Connection, query: StandingQuery) -> Standing:
    """The standing by a statement for each part of it."""
    mine = standings.c.customer_id == query.customer_id
    version = connection.scalar(select(standings.c.version).where(mine)) or 0
    return Standing(
        version=version,
        messages=counted(connection, query),
        draw=running(connection, query),
        budget=budget(connection, query),
    )


def counted(connection: Connection, query: StandingQuery) -> tuple[CountedMessage, ...]:
    if not query.horizon:
        return ()
    near = messages.c.due_at.between(
        microseconds(query.at - query.horizon), microseconds(query.at + query.horizon)
    )
    alive = or_(messages.c.lapses_at.is_(None), messages.c.lapses_at > microseconds(query.at))
    rows = select(messages).where(messages.c.customer_id == query.customer_id, near, alive)
    return tuple(
        CountedMessage(
            due_at=moment(row.due_at),
            channel=row.channel,
            journey=row.journey,
            tags=tuple(json.loads(row.tags)),
        )
        for row in connection.execute(rows.order_by(messages.c.due_at, messages.c.decision_id))
    )


def running(connection: Connection, query: StandingQuery) -> Draw | None:
    period = period_of(query)
    if period is None:
        return None
    now = microseconds(query.at)
    row = connection.execute(
        select(draws)
        .join(coupons, coupons.c.decision_id == draws.c.decision_id, isouter=True)
        .where(draws.c.customer_id == query.customer_id, draws.c.journey == query.journey)
        .where(or_(draws.c.period == period, draws.c.ends_at > now))
        .where(or_(draws.c.lapses_at.is_(None), draws.c.lapses_at > now))
        .where(or_(draws.c.lapses_at.is_(None), coupons.c.state.is_(None), coupons.c.state != "released"))
        .order_by(draws.c.ends_at.desc())
    ).first()
    if row is None:
        return None
    return Draw(
        decision_id=row.decision_id,
        period=row.period,
        ends_at=moment(row.ends_at),
        coupon=msgspec.json.decode(row.coupon, type=Coupon) if row.coupon else None,
        activate_by=None if row.lapses_at is None else moment(row.lapses_at),
    )


def budget(connection: Connection, query: StandingQuery) -> BudgetStanding | None:
    if query.day is None:
        return None
    mine = (budgets.c.journey == query.journey, budgets.c.day == query.day.isoformat())
    row = connection.execute(select(budgets).where(*mine)).first()
    return BudgetStanding(day=query.day, used=row.used if row else 0, price=row.price if row else 0.0)


@pytest.mark.parametrize("kinds", [(0,), (1,), (2,), (0, 1, 2)])
def test_standings_are_those_that_are_found_one_by_one(engine: Engine, kinds: tuple[int, ...]) -> None:
    fill(engine, np.random.default_rng(3))
    queries = [query(number, kinds[number % len(kinds)]) for number in range(35)] + [query(3, kinds[0])]

    with engine.connect() as connection:
        alone = [plainly(connection, each) for each in queries]
        found = read_standings(connection, queries)
        together = [each.within(period_of(each.query)) for each in found]

        assert together == alone
        assert read_standings(connection, []) == []
    assert len({repr(each) for each in alone}) > 5


def test_decisions_that_wait_together_share_a_reading_and_a_name_that_is_none_harms_no_other(
    engine: Engine,
) -> None:
    fill(engine, np.random.default_rng(3))
    metrics = Metrics()

    async def read_all(queries: Sequence[StandingQuery]) -> list[FoundStanding | BaseException]:
        reads = StandingReads(engine, seconds=metrics.standing_seconds)
        reads.start()
        found = await asyncio.gather(*map(reads.begin, queries), return_exceptions=True)
        await reads.stop()
        return found

    queries = [query(number, 0) for number in range(30)]
    found = asyncio.run(read_all(queries))
    readings = metrics.registry.get_sample_value("gardoon_standing_read_seconds_count")
    with engine.connect() as connection:
        standings = [each.within(period_of(each.query)) for each in found if isinstance(each, FoundStanding)]
        assert standings == [plainly(connection, each) for each in queries]
    assert readings == 1

    *others, unstorable = asyncio.run(read_all([*queries[:3], replace(queries[3], customer_id="c\0")]))
    read = [each.within(period_of(each.query)) for each in others if isinstance(each, FoundStanding)]
    assert read == standings[:3]  # rows come in any order, and are put in order there
    assert isinstance(unstorable, UnstorableError if engine.dialect.name == "postgresql" else FoundStanding)
