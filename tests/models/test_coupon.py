"""The coupon policy: monotone in the amount, true to a known world, dearer budgets give less, classes add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from models.catalogue import load_policy
from models.context import Standardizer
from models.coupon import DRAWS, CouponThompson
from models.inputs import BUDGET_PRICE

ACTIONS = ("none", "10000", "20000", "30000", "40000", "50000")
EVERYTHING = np.ones(len(ACTIONS), dtype=np.bool_)


def fresh() -> CouponThompson:
    return CouponThompson(
        action_names=ACTIONS,
        input_names=("liking", BUDGET_PRICE),
        effect_inputs=("liking",),
        effect_scale=1.0,
        standardizer=Standardizer(np.zeros(1), np.ones(1)),
    )


def chance(liking: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """P(order) of the world these rounds are drawn from: most coupons' effect is had for a third of the largest."""
    return 0.3 + 0.05 * np.clip(liking, -3, 3) + 0.4 * np.minimum(amounts * 3 / 50_000, 1) * expit(-liking)


def learnt(n: int = 60_000, seed: int = 0) -> CouponThompson:
    """A policy that saw n rounds; an order earns 61 thousand less its coupon, which is always used."""
    rng = np.random.default_rng(seed)
    liking, actions = rng.normal(size=n), rng.integers(0, 6, n)
    came = rng.random(n) < chance(liking, 10_000.0 * actions)
    policy = fresh()
    policy.learn_many(np.column_stack([liking, np.zeros(n)]), actions, np.where(came, 61 - 10 * actions, 0.0))
    return policy


LEARNT = learnt()


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(-50, 50), st.floats(-3, 3)), max_size=30),
    st.floats(-1e6, 1e6),
)
def test_no_draw_of_the_posterior_lets_a_larger_coupon_bring_fewer_orders(
    rounds: list[tuple[int, float, float]], liking: float
) -> None:
    policy = fresh()
    actions, rewards, likings = (np.array([each[i] for each in rounds]) for i in range(3))

    policy.learn_many(np.column_stack([likings, np.zeros(len(rounds))]), actions.astype(np.int64), rewards)

    drawn = policy.order_probabilities(np.array([liking, 0.0]))
    assert drawn.shape == (6, DRAWS)
    assert (np.diff(drawn, axis=0) >= -1e-12).all()
    assert ((drawn >= 0) & (drawn <= 1)).all()


@pytest.mark.parametrize(("liking", "amount"), [(-1.5, 2), (-1.5, 5), (1.5, 0), (1.5, 5)])
def test_it_finds_the_true_chances_of_an_order(liking: float, amount: int) -> None:
    """60,000 rounds of one seed: within 0.03, five of the posterior's standard deviations."""
    truth = chance(np.array(liking), np.array(10_000.0 * amount))

    found = LEARNT.order_probabilities(np.array([liking, 0.0]))[amount].mean()

    assert found == pytest.approx(float(truth), abs=0.03)


def test_who_is_persuaded_gets_the_cheapest_size_that_works_and_who_orders_anyway_gets_none() -> None:
    persuaded, anyway = (LEARNT.probabilities(np.array([x, 0.0]), EVERYTHING) for x in (-1.5, 2.5))

    assert persuaded[1] + persuaded[2] > 0.85
    assert anyway[0] > 0.85


def used_by_the_persuaded(n: int = 60_000) -> CouponThompson:
    """n rounds of one seed: an order earns 61 thousand; who orders anyway uses no coupon, who is persuaded does."""
    rng = np.random.default_rng(2)
    liking, actions, u = rng.normal(size=n), rng.integers(0, 6, n), rng.random(n)
    anyway = u < chance(liking, np.zeros(n))
    brought = ~anyway & (u < chance(liking, 10_000.0 * actions))
    policy = fresh()
    rewards = 61.0 * (anyway | brought) - 10.0 * actions * brought
    policy.learn_many(np.column_stack([liking, np.zeros(n)]), actions, rewards)
    return policy


@pytest.mark.parametrize("liking", [-1.5, 0.0, 1.5])
def test_a_coupon_costs_what_the_orders_that_it_brought_use_whoever_gets_it(liking: float) -> None:
    """λ = 1 counts the cost once more. One seed: within 1.5 thousand, 0.03 of 50 (as above)."""
    policy, amounts = used_by_the_persuaded(), 10_000.0 * np.arange(6)
    without, dearer = (policy.net_values(np.array([liking, price])).mean(axis=1) for price in (0.0, 1.0))

    brought = chance(np.array(liking), amounts) - chance(np.array(liking), np.zeros(6))

    assert without - dearer == pytest.approx(amounts / 1000 * brought, abs=1.5)


def test_orders_that_only_a_coupon_brings_are_worth_what_it_took_besides() -> None:
    """500 of 500 rounds with 50,000 left 3 thousand after it, the others nothing: an order is worth 53."""
    policy, actions = fresh(), np.repeat([0, 5], 500)
    policy.learn_many(np.zeros((1000, 2)), actions, np.where(actions == 5, 3.0, 0.0))

    net = policy.net_values(np.zeros(2)).mean(axis=1)

    assert net[5] > net[0]


def test_a_tight_budget_gives_smaller_coupons() -> None:
    amounts = LEARNT.amounts

    mean_amounts = [
        LEARNT.probabilities(np.array([-1.0, price]), EVERYTHING) @ amounts for price in (0, 1, 5)
    ]

    assert mean_amounts[0] > mean_amounts[1] > mean_amounts[2]


def test_no_price_and_a_negative_one_are_a_price_of_zero() -> None:
    at = [LEARNT.probabilities(np.array([0.5, price]), EVERYTHING).tolist() for price in (0.0, np.nan, -3.0)]

    assert at[0] == at[1] == at[2]


def test_the_classes_are_probabilities_that_tell_the_three_apart() -> None:
    persuadable, sure, unsure = (
        LEARNT.customer_class(np.array([-1.5, 0.0])),
        LEARNT.customer_class(np.array([2.5, 0.0])),
        fresh().customer_class(np.array([0.0, 0.0])),
    )

    assert persuadable["persuadable"] > 0.9
    assert sure["sure_thing"] > 0.9
    assert max(unsure.values()) < 0.9
    assert all(sum(each.values()) == pytest.approx(1) for each in (persuadable, sure, unsure))


def test_one_who_neither_orders_nor_can_be_persuaded_is_a_lost_cause() -> None:
    rng = np.random.default_rng(4)
    liking, actions = rng.normal(size=40_000), rng.integers(0, 6, 40_000)
    came = rng.random(40_000) < np.clip(0.2 + 0.1 * liking, 0, 1)
    policy = fresh()
    policy.learn_many(np.column_stack([liking, 0 * liking]), actions, np.where(came, 61 - 10 * actions, 0.0))

    assert policy.customer_class(np.array([-1.5, 0.0]))["lost_cause"] > 0.8


def test_it_is_stored_as_data() -> None:
    again = load_policy(LEARNT.to_artifact())

    assert isinstance(again, CouponThompson)
    assert again.customer_class(np.zeros(2)) == LEARNT.customer_class(np.zeros(2))
