"""What the coupon policy adds to a decision: the budget's price in its context, the customer's class in the answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.artifact import Artifact
from models.context import Standardizer
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.inputs import BUDGET_PRICE, JOURNEY, journey_number
from service.decision_point import DecisionPoint
from service.store.decision_log import read_record
from tests.service.conftest import Worker, publish_champions, starting_policies, stored_customer
from tests.service.test_verify import run_verify

AMOUNTS = ("none", "10000", "20000", "30000", "40000", "50000")


def coupon_policy() -> CouponThompson:
    """A policy that saw 3,000 rounds in which an order earned 60 thousand and coupons brought a fifth more of them."""
    policy = CouponThompson(
        action_names=AMOUNTS,
        input_names=("purchase_propensity", BUDGET_PRICE),
        effect_inputs=(),
        standardizer=Standardizer(np.zeros(1), np.ones(1)),
        effect_scale=1.0,
    )
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 6, 3000)
    came = rng.random(3000) < 0.1 + 0.2 * (actions > 0)
    contexts = np.column_stack([rng.random(3000), np.zeros(3000)])
    policy.learn_many(contexts, actions, np.where(came, 61.0 - 10 * actions, 0.0))
    return policy


def worker_at(
    make_worker: Callable[..., Worker],
    points: dict[str, DecisionPoint],
    budget_price: float,
    policy: Artifact | None = None,
) -> Worker:
    wheel = points["lucky_wheel"]
    assert wheel.coupon is not None
    priced = wheel.coupon.model_copy(update={"budget_price": budget_price})
    worker = make_worker(points={**points, "lucky_wheel": wheel.model_copy(update={"coupon": priced})})
    artifacts = {**starting_policies(), "coupon_policy": policy or coupon_policy().to_artifact()}
    publish_champions(worker.state.engine, artifacts, worker.clock())
    worker.reader.customers["c1"] = stored_customer("c1", recency_days=3.0)
    worker.learn()
    return worker


@pytest.mark.parametrize("price", [0.0, 4.0])
def test_the_budget_s_price_is_logged_with_the_context_and_reenacted(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint], price: float
) -> None:
    worker = worker_at(make_worker, points, price)

    answer = worker.decide(customer_id="c1", explain="scores")

    record = read_record(worker.state.engine, str(answer["decision_id"]))
    coupon = next(each for each in record.rounds if each.decision == "coupon")
    assert dict(zip(coupon.inputs, coupon.context, strict=True))[BUDGET_PRICE] == price
    assert run_verify(worker).differing == []


def test_each_journey_is_decided_by_what_it_has_learnt_itself_and_reenacted_so(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    policy = CouponByJourney(start=coupon_policy())
    wheel = np.tile([0.5, 0.0, journey_number("lucky_wheel")], (4000, 1))
    policy.learn_many(wheel, np.arange(4000) % 6, np.where(np.arange(4000) % 6 == 5, 40.0, 0.0))
    worker = worker_at(make_worker, points, 0.0, policy.to_artifact())

    answers = [
        worker.decide(customer_id="c1", journey=journey, explain="counterfactual", dry_run=dry)
        for journey, dry in (("lucky_wheel", False), ("churn_prevention", True))
    ]

    record = read_record(worker.state.engine, str(answers[0]["decision_id"]))
    coupon = next(each for each in record.rounds if each.decision == "coupon")
    assert coupon.inputs[-1] == JOURNEY
    assert coupon.context[-1] == journey_number("lucky_wheel")
    largest = [answer["probabilities"]["coupon"]["50000"] for answer in answers]
    assert largest[0] > 0.9 > largest[1]
    assert answers[0]["counterfactuals"]["coupon"]["nearest"]["input"] == BUDGET_PRICE
    assert run_verify(worker).differing == []


def test_a_tighter_budget_makes_none_more_probable(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    answers = [
        worker_at(make_worker, points, price).decide(customer_id="c1", explain="scores", dry_run=True)
        for price in (0.0, 8.0)
    ]

    none = [answer["probabilities"]["coupon"]["none"] for answer in answers]
    assert none[1] > none[0] + 0.2


def test_the_customer_s_class_is_shown_only_when_asked_for(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    worker = worker_at(make_worker, points, 0.0)

    told, untold = (
        worker.decide(customer_id="c1", explain=how)["customer_class"] for how in ("scores", "none")
    )

    assert told.keys() == {"persuadable", "sure_thing", "lost_cause"}
    assert sum(told.values()) == pytest.approx(1)
    assert told["persuadable"] > 0.5
    assert untold is None


def test_a_coupon_s_reward_leaves_the_message_s_cost_to_the_channel(points: dict[str, DecisionPoint]) -> None:
    declared = points["lucky_wheel"].model_dump()
    declared["coupon"]["reward"]["message_cost"] = 0.1

    with pytest.raises(ValueError, match="no message_cost here"):
        DecisionPoint.model_validate(declared)
