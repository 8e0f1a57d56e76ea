"""Coupons learnt journey by journey: each as if the others were not."""

from __future__ import annotations

import numpy as np
import pytest

from models.context import Standardizer
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.feedback import Floats, Integers
from models.inputs import BUDGET_PRICE, journey_number

SIZES = ("none", "10000", "20000", "50000")
WHEEL, FOLLOWERS, NEW = map(journey_number, ("lucky_wheel", "follow_pages", "never_seen"))
EVERYTHING = np.ones(len(SIZES), dtype=np.bool_)
Rounds = tuple[Floats, Integers, Floats]


def start(effect_scale: float = 0.07) -> CouponThompson:
    return CouponThompson(
        action_names=SIZES,
        input_names=("liking", BUDGET_PRICE),
        effect_inputs=("liking",),
        standardizer=Standardizer(np.zeros(1), np.ones(1)),
        effect_scale=effect_scale,
    )


def rounds(journey: float, sizes: list[int], share: float, n: int = 2_000) -> Rounds:
    """Rounds of sizes drawn alike; an order of 30 thousand comes in this share of them whatever the size."""
    rng = np.random.default_rng(int(journey) % 1000)
    contexts = np.column_stack([rng.normal(size=n), np.zeros(n), np.full(n, journey)])
    return contexts, rng.choice(sizes, size=n), np.where(rng.random(n) < share, 30.0, 0.0)


def asked(policy: CouponByJourney, journey: float) -> list[float]:
    return policy.probabilities(np.array([0.3, 0.0, journey]), EVERYTHING).tolist()


def test_a_journey_is_decided_by_the_start_and_its_own_rounds_alone() -> None:
    policy, alone = CouponByJourney(start=start()), start()
    contexts, actions, rewards = rounds(WHEEL, [0, 1, 2, 3], 0.1)
    alone.learn_many(contexts[:, :-1], actions, rewards)

    policy.learn_many(contexts, actions, rewards)
    before = asked(policy, WHEEL)
    policy.learn_many(*rounds(FOLLOWERS, [1, 2], 0.6))

    context = np.array([0.3, 0.0])
    assert asked(policy, WHEEL) == before == alone.probabilities(context, EVERYTHING).tolist()
    assert policy.customer_class(np.array([0.3, 0.0, WHEEL])) == alone.customer_class(context)


def test_in_one_policy_for_both_the_codes_of_a_long_window_make_the_wheel_give_small_ones() -> None:
    """What the policy is for: 6 in 10 of those who are promised 10 or 20 thousand order anyway, 1 in 10 at the wheel."""
    apart, together = CouponByJourney(start=start()), start()
    for contexts, actions, rewards in (
        rounds(WHEEL, [0, 1, 2, 3], 0.1),
        rounds(FOLLOWERS, [1, 2], 0.6, 1_000),
    ):
        apart.learn_many(contexts, actions, rewards)
        together.learn_many(contexts[:, :-1], actions, rewards)

    pooled = together.probabilities(np.array([0.3, 0.0]), EVERYTHING)
    assert pooled[1] + pooled[2] > 0.8
    assert sum(asked(apart, WHEEL)[1:3]) < 0.3


@pytest.mark.parametrize("journey", [NEW, float("nan")])
def test_a_journey_that_no_round_came_from_is_decided_by_the_start(journey: float) -> None:
    begun = start()
    begun.learn_many(np.tile([0.3, 0.0], (500, 1)), np.full(500, 3), np.full(500, 40.0))
    policy = CouponByJourney(start=begun)

    policy.learn_many(*rounds(WHEEL, [0, 1, 2, 3], 0.1))

    assert asked(policy, journey) == begun.probabilities(np.array([0.3, 0.0]), EVERYTHING).tolist()


def test_forgetting_all_forgets_what_the_start_knew_too() -> None:
    policy = CouponByJourney(start=start())
    policy.start.learn_many(np.tile([0.3, 0.0], (500, 1)), np.full(500, 3), np.full(500, 40.0))

    policy.discount(0.0)

    assert asked(policy, WHEEL) == asked(CouponByJourney(start=start()), WHEEL)


def test_a_shard_of_another_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="a shard has the prior"):
        CouponByJourney(start=start()).merge(CouponByJourney(start=start(effect_scale=0.1)))


def test_only_journeys_that_told_rounds_are_stored() -> None:
    policy = CouponByJourney(start=start())

    policy.learn_many(*rounds(WHEEL, [0, 1], 0.1, n=10))

    arrays = policy.to_artifact().arrays
    assert arrays["journeys"].tolist() == [WHEEL]
    assert arrays["count"][:, 0].tolist() == [10.0]


def test_what_is_ready_draws_no_posterior_when_a_journey_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = CouponByJourney(start=start())
    for journey in (WHEEL, FOLLOWERS):
        policy.learn_many(*rounds(journey, [1, 2], 0.3))
    late = policy.clone()
    expected = [asked(policy, journey) for journey in (WHEEL, FOLLOWERS, NEW)]

    late.make_ready()

    monkeypatch.setattr("models.coupon.draw_non_negative", None)
    assert [asked(late, journey) for journey in (WHEEL, FOLLOWERS, NEW)] == expected
