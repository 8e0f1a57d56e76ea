"""Budgets as the service's tables hold them, on each of the two databases."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from sqlalchemy import Engine, insert

from service.store.engine import microseconds
from service.store.tables import budgets, coupons, decisions
from training.measures.budget import read_budgets
from training.measures.log_facts import read_log_facts
from training.measures.logged_decision import Window


def put(engine: Engine, table: object, *rows: dict) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), list(rows))


def coupon(number: int, day: str, state: str, discount: int | None = None) -> dict:
    named = {"decision_id": f"d{number}", "customer_id": "c", "journey": "wheel", "code": f"CODE-{number}"}
    times = {"expires_at": 0, "lapses_at": 0}
    return {
        **named,
        **times,
        "amount": 20_000,
        "currency": "IRT",
        "day": day,
        "state": state,
        "discount": discount,
    }


def test_each_day_has_its_limit_its_price_and_its_coupons(engine: Engine) -> None:
    first, second = "2026-11-21", "2026-11-22"
    put(
        engine,
        budgets,
        {"journey": "wheel", "day": first, "used": 40_000, "price": 0.5},
        {"journey": "wheel", "day": second, "used": 20_000, "price": 0.0},
        {"journey": "unknown", "day": second, "used": 10, "price": 0.0},
        {"journey": "wheel", "day": "2026-11-23", "used": 1, "price": 9.0},
    )
    put(
        engine,
        coupons,
        coupon(1, first, "redeemed", 15_000),
        coupon(2, first, "out"),
        coupon(3, first, "released"),
        coupon(4, second, "deferred"),
    )
    decided = {"customer_id": "c", "journey": "wheel", "status": "fallback", "group_name": "random"}
    answer = json.dumps({"channel": "sms"})
    for number, (version, at) in enumerate(
        (
            ("old", datetime(2026, 11, 21, 12, tzinfo=UTC)),
            ("new", datetime(2026, 11, 21, 20, 29, tzinfo=UTC)),
            ("newest", datetime(2026, 11, 21, 20, 31, tzinfo=UTC)),  # the next day of Tehran
        )
    ):
        told = {"versions": {"journey": version}, "request": {}, "answer": answer, "time_zone": ""}
        times = {"decided_at": microseconds(at), "effective_at": microseconds(at)}
        named = {"decision_id": f"d{number}", "record": json.dumps(told).encode()}
        put(engine, decisions, {**named, **times, **decided})
    rules = {
        "old": {"coupon": {"daily_budget": 5}},
        "new": {"coupon": {"daily_budget": 80_000}},
        "newest": {"journey": "wheel", "coupon": {"daily_budget": 25_000}},
    }

    with engine.connect() as connection:
        unknown, one, other = read_budgets(
            connection, rules, date(2026, 11, 21), date(2026, 11, 22), "Asia/Tehran"
        )
        window = Window(begins_us=0, ends_us=microseconds(datetime(2026, 11, 23, tzinfo=UTC)))
        facts = read_log_facts(connection, window, "Asia/Tehran")

    assert (one.day, one.limit, one.used, one.used_share, one.price) == (
        date(2026, 11, 21),
        80_000,
        40_000,
        0.5,
        0.5,
    )
    assert (one.coupons, one.redeemed, one.discount) == (2, 1, 15_000)
    assert (other.coupons, other.redeemed, other.discount) == (0, 0, 0)
    assert (other.limit, other.used_share) == (25_000, 0.8)
    assert (unknown.journey, unknown.limit) == ("unknown", None)
    assert [(key, len(sums.orders)) for key, sums in facts.groups.items()] == [(("wheel", "random"), 1)]
    assert facts.messages.channel.tolist() == ["sms"] * 3
    assert facts.messages.hour.tolist() == [15, 23, 0]
    assert facts.n_moved == 0
