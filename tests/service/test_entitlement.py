"""One draw per customer and period: asked again it is answered again, and what comes of it is learnt where it was chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.decision_point import DecisionPoint
from service.store.decision_log import read_record
from tests.service.conftest import Worker, stored_customer
from tests.service.test_learner import rewards_of
from tests.service.test_ledger import with_coupon
from tests.service.test_outcomes import outcome, send
from tests.service.test_redemption import redeem
from tests.service.test_verify import run_verify

MakeWorker = Callable[..., Worker]
WHEEL = {"journey": "lucky_wheel", "decide": ["coupon"]}
SIZE, NONE = {"eligible": {"coupon": ["30000"]}}, {"eligible": {"coupon": ["none"]}}


@pytest.fixture
def wheel(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Worker:
    """A wheel with one draw a day; its customers are in Tehran and New York."""
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    worker.reader.customers["c1"] = stored_customer("c1")
    worker.reader.customers["c2"] = stored_customer("c2", time_zone="America/New_York")
    return worker


def draw(worker: Worker, customer: str = "c1", **asked: object) -> dict[str, Any]:
    worker.clock.advance(seconds=1)
    answer: dict[str, Any] = worker.decide(customer_id=customer, **{**WHEEL, **SIZE, **asked})
    return answer


def test_each_answer_of_a_day_shows_the_same_coupon_and_says_whose_it_is(wheel: Worker) -> None:
    first, again = draw(wheel), draw(wheel, eligible={"coupon": ["50000"]})

    assert again["coupon"] == first["coupon"]
    assert again["decision_id"] != first["decision_id"]
    assert (again["status"], again["propensity"]) == ("act", {"joint": 1.0})
    assert first["decision_id"] in again["reasons"][-1]["detail"]
    assert read_record(wheel.state.engine, again["decision_id"]).repeats == first["decision_id"]
    assert run_verify(wheel).differing == []


def test_a_day_without_a_coupon_stays_without_one(wheel: Worker) -> None:
    first, again = draw(wheel, **NONE), draw(wheel)

    assert (first["status"], again["status"]) == ("hold", "hold")
    assert (first["coupon"], again["coupon"]) == (None, None)
    assert again["reasons"][-1]["rule"] == "drawn_already"


@pytest.mark.parametrize(
    ("customer", "midnight"),
    [("c1", datetime(2026, 11, 22, 20, 30, tzinfo=UTC)), ("c2", datetime(2026, 11, 23, 5, 0, tzinfo=UTC))],
)
def test_a_new_day_begins_at_the_customers_own_midnight(
    wheel: Worker, customer: str, midnight: datetime
) -> None:
    first = draw(wheel, customer)
    wheel.clock.now = midnight
    wheel.clock.advance(seconds=-2)
    late = draw(wheel, customer)
    new = draw(wheel, customer)

    assert late["coupon"] == first["coupon"]
    assert late["reasons"][-1]["frees_at"] == midnight.isoformat().replace("+00:00", "Z")
    assert new["coupon"]["code"] != first["coupon"]["code"]
    assert new["propensity"]["coupon"] > 0


def test_a_coupon_that_died_within_its_period_is_shown_no_more_and_followed_by_no_other(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="week", valid=2))
    draw(worker)
    worker.clock.advance(hours=2)

    again = draw(worker)

    assert (again["status"], again["coupon"]) == ("hold", None)


def test_an_order_told_of_the_repeated_answer_is_learnt_with_the_coupon_that_it_used(wheel: Worker) -> None:
    first, again = draw(wheel), draw(wheel)
    bought = outcome(again["decision_id"], "order 1", "purchased", value=500_000, currency="IRT")

    redeem(wheel, code=again["coupon"]["code"])
    statuses = [*send(wheel, bought), *send(wheel, bought)]
    wheel.clock.advance(hours=1)
    wheel.learn()

    assert statuses == [202, 200]
    shown = wheel.client.get(f"/v1/decisions/{first['decision_id']}").json()
    assert {each["kind"]: each["value"] for each in shown["outcomes"]} == {
        "redeemed": 30_000,
        "purchased": 500_000,
    }
    assert rewards_of(wheel.state.engine) == {"coupon": ("open", 0.2 * 500 - 30)}


def test_nothing_else_is_learnt_of_a_repeated_answer(wheel: Worker) -> None:
    draw(wheel)
    again = draw(wheel)
    send(wheel, outcome(again["decision_id"], "click"))
    wheel.clock.advance(days=2)

    wheel.learn()

    assert rewards_of(wheel.state.engine) == {"coupon": ("resolved", 0.0)}
    assert read_record(wheel.state.engine, again["decision_id"]).rounds == ()
