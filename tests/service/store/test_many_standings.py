"""Standings read together are those read one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert

from service.schemas import Coupon
from service.store.engine import microseconds
from service.store.ledger import StandingQuery, read_standing
from service.store.many_standings import read_standings
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


def test_many_standings_are_those_that_are_read_one_by_one(engine: Engine) -> None:
    fill(engine, np.random.default_rng(3))

    for journey, horizon, day in (("a", HOUR * 48, NOW.date()), ("b", HOUR * 0, None), ("b", HOUR * 5, None)):
        queries = [
            StandingQuery(
                customer_id=f"c{number}",
                journey=journey,
                horizon=horizon,
                period=[None, *PERIODS][number % 4],
                day=day,
            )
            for number in range(35)
        ]
        with engine.connect() as connection:
            alone = [read_standing(connection, query, NOW) for query in queries]
            together = read_standings(connection, queries, NOW)

        assert together == alone
        assert read_standings(connection, [], NOW) == []
        assert len({repr(each) for each in alone}) > 5
