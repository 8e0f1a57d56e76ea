"""Pacing over a real log: λ is put down where decisions read it, and shows in answers, metrics and `GET /v1/budgets`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from service.decision_point import DecisionPoint
from service.pacing import pace_budgets
from service.store.tables import budgets
from tests.service.conftest import Worker
from tests.service.test_ledger import with_coupon

MakeWorker = Callable[..., Worker]


@pytest.fixture
def wheel(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Worker:
    """A wheel with 200,000 a day, at 13:00: 54 % of the day are over."""
    return make_worker(points=with_coupon(points, "lucky_wheel", daily_budget=200_000))


def give(worker: Worker, customer: str, amount: str) -> dict[str, Any]:
    return worker.decide(customer_id=customer, decide=["coupon"], force={"coupon": amount})


def pace(worker: Worker) -> dict[str, float]:
    points = {name: rules.point for name, rules in worker.state.rules.items()}
    return pace_budgets(worker.state.engine, points, "Asia/Tehran", worker.clock())


def test_a_budget_that_runs_ahead_of_the_clock_gets_a_price_and_one_behind_none(wheel: Worker) -> None:
    for number in range(2):
        give(wheel, f"c{number}", "50000")
    behind = pace(wheel)["lucky_wheel"]
    give(wheel, "c3", "50000")
    ahead = pace(wheel)["lucky_wheel"]

    assert behind == 0
    assert ahead == pytest.approx(20 * ((11 / 24) / (1 / 4) - 1))
    with wheel.state.engine.connect() as connection:
        assert connection.scalar(select(budgets.c.price)) == ahead


def test_the_next_decision_weighs_costs_with_it_and_metrics_and_endpoint_show_it(wheel: Worker) -> None:
    for number in range(3):
        give(wheel, f"c{number}", "50000")
    price = pace(wheel)["lucky_wheel"]

    give(wheel, "c4", "none")

    answer = wheel.client.get("/v1/budgets").json()
    assert [(each["journey"], each["used"], each["left"], each["price"]) for each in answer["budgets"]] == [
        ("lucky_wheel", 150_000, 50_000, price)
    ]
    assert answer["budgets"][0]["ends_at"] == "2026-11-22T20:30:00Z"
    metrics = wheel.client.get("/metrics").text
    assert f'gardoon_budget_price{{journey="lucky_wheel"}} {price}' in metrics
    assert 'gardoon_budget_used{journey="lucky_wheel"} 150000.0' in metrics


def test_pacing_twice_changes_nothing(wheel: Worker) -> None:
    give(wheel, "c1", "50000")

    assert pace(wheel) == pace(wheel)


def test_a_new_day_starts_without_a_price(wheel: Worker) -> None:
    for number in range(4):
        give(wheel, f"c{number}", "50000")
    today = pace(wheel)["lucky_wheel"]
    wheel.clock.advance(days=1)

    assert (today, pace(wheel)["lucky_wheel"]) == (100.0, 0.0)


def test_a_journey_without_a_budget_is_not_paced(worker: Worker) -> None:
    assert pace(worker) == {}
    assert worker.client.get("/v1/budgets").json()["budgets"] == []
