"""Standings read together are those read one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from service.errors import UnstorableError
from service.observability import Metrics
from service.schemas import Coupon
from service.standing import Standing
from service.store.engine import microseconds
from service.store.ledger import StandingQuery, read_standing
from service.store.many_standings import read_standings
from service.store.standing_reads import StandingReads
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
            "coupon": coupon.model_dump_json() if number % 3 else None,
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
        period=[None, *PERIODS][number % 4],
        day=day,
    )


@pytest.mark.parametrize("kinds", [(0,), (1,), (2,), (0, 1, 2)])
def test_many_standings_are_those_that_are_read_one_by_one(engine: Engine, kinds: tuple[int, ...]) -> None:
    fill(engine, np.random.default_rng(3))
    queries = [query(number, kinds[number % len(kinds)]) for number in range(35)] + [query(3, kinds[0])]

    with engine.connect() as connection:
        alone = [read_standing(connection, each) for each in queries]
        together = read_standings(connection, queries)

        assert together == alone
        assert read_standings(connection, []) == []
    assert len({repr(each) for each in alone}) > 5


def test_decisions_that_wait_together_share_a_reading_and_a_name_that_is_none_harms_no_other(
    engine: Engine,
) -> None:
    fill(engine, np.random.default_rng(3))
    metrics = Metrics()

    async def read_all(queries: Sequence[StandingQuery]) -> list[Standing | BaseException]:
        reads = StandingReads(engine, seconds=metrics.standing_seconds)
        reads.start()
        found = await asyncio.gather(*map(reads.read, queries), return_exceptions=True)
        await reads.stop()
        return found

    queries = [query(number, 0) for number in range(30)]
    found = asyncio.run(read_all(queries))
    readings = metrics.registry.get_sample_value("gardoon_standing_read_seconds_count")
    with engine.connect() as connection:
        assert found == [read_standing(connection, each) for each in queries]
    assert readings == 1

    *others, unstorable = asyncio.run(read_all([*queries[:3], replace(queries[3], customer_id="c\0")]))
    assert others == found[:3]
    assert isinstance(unstorable, UnstorableError if engine.dialect.name == "postgresql" else Standing)
