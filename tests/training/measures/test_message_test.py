"""Tests of message variants: error rates hold however often one looks, and a winner is named only where one is shown."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from training.measures.allocation import allocation_p_value
from training.measures.confidence_sequence import boundary, running_intervals
from training.measures.message_test import (
    BEST_AT,
    FEWEST,
    VariantRounds,
    difference_terms,
    message_test,
)

N_ROUNDS, N_TESTS = 4_000, 400
LOOKS = np.arange(200, N_ROUNDS, 100)


def drawn(
    rates: tuple[float, ...], n: int, rng: np.random.Generator, shares: tuple[float, ...] = ()
) -> VariantRounds:
    """n rounds with clicks at these rates, variants drawn alike or with the shares given."""
    k = len(rates)
    shares = shares or (1 / k,) * k
    actions = rng.choice(k, size=n, p=shares)
    return VariantRounds(
        journey="cart_abandonment",
        variants=tuple("abcd"[:k]),
        unit="click",
        customers=np.arange(n) // 2,
        actions=actions,
        probabilities=np.tile(shares, (n, 1)),
        rewards=(rng.random(n) < np.array(rates)[actions]).astype(float),
    )


def fixed_n_excludes_zero(rounds: VariantRounds) -> np.ndarray:
    """Whether the usual 95 % interval of the two rates' difference excludes 0, at each look."""
    second = rounds.actions == 1
    found = []
    for n in LOOKS:
        one, two = rounds.rewards[:n][~second[:n]], rounds.rewards[:n][second[:n]]
        error = math.sqrt(one.var() / len(one) + two.var() / len(two))
        found.append(abs(two.mean() - one.mean()) > 1.96 * error)
    return np.array(found)


def test_the_sequential_interval_errs_as_rarely_as_it_says_under_peeking_and_a_fixed_one_does_not() -> None:
    """400 tests of equal variants, each looked at 38 times. More than 8 % by chance at a true 5 %: once in 300."""
    rng = np.random.default_rng(11)
    sequential = fixed = 0
    for _ in range(N_TESTS):
        rounds = drawn((0.08, 0.08), N_ROUNDS, rng)
        terms = difference_terms(rounds, 0, 1)
        _, low, high = running_intervals(terms, alpha=0.05, best_at=BEST_AT)
        sequential += bool(((low > 0) | (high < 0))[LOOKS - 1].any())
        fixed += bool(fixed_n_excludes_zero(rounds).any())

    assert sequential / N_TESTS <= 0.08
    assert fixed / N_TESTS > 0.2


def test_the_intervals_hold_where_the_probabilities_follow_what_came_before() -> None:
    """A bandit that leans to the variant ahead; the true difference is 0.1. 300 tests, at most 8 % may ever miss it."""
    rng = np.random.default_rng(12)
    missed = 0
    for _ in range(300):
        n, rates = 1_000, np.array([0.3, 0.4])
        sums, counts = np.ones(2), np.full(2, 2.0)
        actions, rewards, shares = np.empty(n, int), np.empty(n), np.empty((n, 2))
        coins = rng.random((n, 2))
        for t in range(n):
            lead = sums[1] / counts[1] > sums[0] / counts[0]
            shares[t] = (0.3, 0.7) if lead else (0.7, 0.3)
            a = actions[t] = int(coins[t, 0] >= shares[t, 0])
            rewards[t] = coins[t, 1] < rates[a]
            sums[a] += rewards[t]
            counts[a] += 1
        bare = drawn((0.3, 0.4), n, rng)
        rounds = replace(bare, actions=actions, probabilities=shares, rewards=rewards)
        _, low, high = running_intervals(difference_terms(rounds, 0, 1), alpha=0.05, best_at=BEST_AT)
        missed += bool(((low > 0.1) | (high < 0.1))[100:].any())

    assert missed / 300 <= 0.08


def test_the_boundary_is_narrowest_beside_the_fixed_interval_where_it_was_meant_to_be() -> None:
    n = np.arange(10.0, 50_000.0)

    wider = boundary(n, alpha=0.05, best_at=BEST_AT) * np.sqrt(n) / 1.96

    assert n[wider.argmin()] == pytest.approx(BEST_AT, rel=0.1)
    assert 1.3 < wider.min() < 1.6


def test_a_better_variant_wins_and_an_equal_one_does_not() -> None:
    rng = np.random.default_rng(13)

    found = message_test(drawn((0.05, 0.05, 0.10), 20_000, rng))
    equal = message_test(drawn((0.05, 0.05), 20_000, rng))

    assert [row.is_winner for row in found] == [False, False, True]
    assert {row.verdict for row in found} == {"winner"}
    assert (found[0].versus, found[2].versus) == (None, "a")
    assert found[2].difference_low > 0
    assert found[2].difference_low < 0.05 < found[2].difference_high
    assert found[2].low < 0.10 < found[2].high
    assert {(row.verdict, row.is_winner) for row in equal} == {("no winner yet", False)}
    assert sum(row.rounds for row in found) == 20_000


def test_the_first_variant_may_win_too() -> None:
    found = message_test(drawn((0.12, 0.05), 10_000, np.random.default_rng(14)))

    assert [row.is_winner for row in found] == [True, False]


def test_few_rounds_say_nothing_however_far_apart_they_are() -> None:
    rounds = drawn((0.0, 1.0), 2 * FEWEST - 10, np.random.default_rng(15))

    assert {(row.verdict, row.is_winner) for row in message_test(rounds)} == {("too few rounds", False)}


def test_lost_messages_of_one_variant_are_found_and_leave_no_winner() -> None:
    rounds = drawn((0.05, 0.15), 8_000, np.random.default_rng(16))
    kept = (rounds.actions == 0) | (rounds.rewards == 1) | (np.arange(8_000) % 5 > 0)
    lossy = replace(
        rounds,
        **{
            name: getattr(rounds, name)[kept] for name in ("customers", "actions", "probabilities", "rewards")
        },
    )

    found = message_test(lossy)

    assert {row.verdict for row in found} == {"sample ratio mismatch"}
    assert not any(row.is_winner for row in found)
    assert found[0].sample_ratio_p < 0.001


def test_the_allocation_check_errs_as_rarely_as_it_says_however_often_one_looks() -> None:
    """400 true splits looked at 20 times each: p ever below 0.05 in at most 5 %; more than 8 % by chance once in 300."""
    rng = np.random.default_rng(17)
    alarms = 0
    for _ in range(400):
        rounds = drawn((0.1, 0.1), 2_000, rng, shares=(0.7, 0.3))
        looks = [
            allocation_p_value(rounds.actions[:n], rounds.probabilities[:n]) for n in range(100, 2_001, 100)
        ]
        alarms += min(looks) < 0.05

    assert alarms / 400 <= 0.08


def test_a_variant_that_could_not_be_drawn_is_not_compared_in_that_round() -> None:
    rounds = drawn((0.1, 0.1), 400, np.random.default_rng(18))
    probabilities, actions = rounds.probabilities.copy(), rounds.actions.copy()
    probabilities[:100], actions[:100] = (1.0, 0.0), 0

    terms = difference_terms(replace(rounds, probabilities=probabilities, actions=actions), 0, 1)

    assert len(terms) == 300
    assert np.isfinite(terms).all()
