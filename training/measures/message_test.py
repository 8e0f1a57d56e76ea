"""A/B tests of message variants: what each brings, how sure that is, and a winner only where one is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

import numpy as np

from models.feedback import Booleans, Floats, Integers
from models.quantile import LEVEL
from models.sample_ratio import FALSE_ALARM
from training.measures.allocation import allocation_p_value
from training.measures.confidence_sequence import interval_now
from training.measures.interval import Interval

BEST_AT: Final = 2_000.0
"""Rounds at which the intervals are narrowest, chosen before any data."""
FEWEST: Final = 100
"""Rounds of each variant before anything is said: the intervals hold for many rounds, not for few."""


class TestVerdict(StrEnum):
    """What a test says so far."""

    __test__ = False  # which is no test of pytest's

    TOO_FEW = "too few rounds"
    MISMATCH = "sample ratio mismatch"
    OPEN = "no winner yet"
    WINNER = "winner"


@dataclass(frozen=True, kw_only=True)
class VariantRounds:
    """The rounds of one journey's test in the order of their draws; `customers` `(n_rounds,)` are only counted.

    actions `(n_rounds,)`, probabilities `(n_rounds, n_variants)` that they were drawn with, rewards `(n_rounds,)`.
    """

    journey: str
    variants: tuple[str, ...]
    unit: str
    customers: Integers
    actions: Integers
    probabilities: Floats
    rewards: Floats


@dataclass(frozen=True, kw_only=True)
class VariantRow:
    """A variant's mean reward, and its difference to the variant `versus`, both with intervals that hold at all times.

    sample_ratio_p, verdict: of the whole test.
    """

    journey: str
    variant: str
    unit: str
    rounds: int
    customers: int
    mean: float
    low: float
    high: float
    versus: str | None
    difference: float
    difference_low: float
    difference_high: float
    sample_ratio_p: float
    is_winner: bool
    verdict: str


def message_test(rounds: VariantRounds) -> list[VariantRow]:
    """One row a variant; each is compared with the first, and a winner beats every other one."""
    n = len(rounds.variants)
    alpha = (1 - LEVEL) / max(n * (n - 1) // 2, 1)
    against = {
        pair: interval_now(difference_terms(rounds, *pair), alpha=alpha, best_at=BEST_AT)
        for pair in combinations(range(n), 2)
    }
    p_value = allocation_p_value(rounds.actions, rounds.probabilities)
    winner = _winner(n, against)
    verdict = _verdict(rounds, p_value, winner)
    return [_row(rounds, place, against, p_value, verdict, winner) for place in range(n)]


def difference_terms(rounds: VariantRounds, first: int, second: int) -> Floats:
    """φ_t(second) - φ_t(first), of the rounds in which both could be drawn, `(n,)`: each unbiased.

    φ_t(k) = m_t(k) + 1{a_t = k} (r_t - m_t(k))/π_t(k), m_t(k) the mean reward of k before round t, which takes the common
    level off and so most of the variance. Source: as `confidence_sequence.boundary`, section 3.
    """
    both = (rounds.probabilities[:, first] > 0) & (rounds.probabilities[:, second] > 0)
    return np.subtract(_scores(rounds, second, both), _scores(rounds, first, both))


def _scores(rounds: VariantRounds, place: int, chosen: Booleans) -> Floats:
    rewards = rounds.rewards[chosen]
    mine = (rounds.actions[chosen] == place).astype(np.float64)
    sums, counts = np.cumsum(mine * rewards), np.cumsum(mine)
    before_sums, before = np.append(0.0, sums[:-1]), np.append(0.0, counts[:-1])
    mean = np.divide(before_sums, before, out=np.zeros(len(rewards)), where=before > 0)
    return np.asarray(mean + mine * (rewards - mean) / rounds.probabilities[chosen, place])


def _winner(n: int, against: dict[tuple[int, int], Interval]) -> int | None:
    def beats(one: int, other: int) -> bool:
        if one > other:
            return against[other, one].low > 0
        return against[one, other].high < 0

    return next((k for k in range(n) if n > 1 and all(beats(k, j) for j in range(n) if j != k)), None)


def _verdict(rounds: VariantRounds, p_value: float, winner: int | None) -> TestVerdict:
    counts = np.bincount(rounds.actions, minlength=len(rounds.variants))
    if p_value < FALSE_ALARM:
        return TestVerdict.MISMATCH
    if len(counts) < 2 or counts.min() < FEWEST:
        return TestVerdict.TOO_FEW
    return TestVerdict.OPEN if winner is None else TestVerdict.WINNER


def _row(
    rounds: VariantRounds,
    place: int,
    against: dict[tuple[int, int], Interval],
    p_value: float,
    verdict: TestVerdict,
    winner: int | None,
) -> VariantRow:
    mine = rounds.actions == place
    drawable = rounds.probabilities[:, place] > 0
    level = interval_now(_scores(rounds, place, drawable), alpha=1 - LEVEL, best_at=BEST_AT)
    found = against[0, place] if place else Interval(math.nan, math.nan, math.nan)
    return VariantRow(
        journey=rounds.journey,
        variant=rounds.variants[place],
        unit=rounds.unit,
        rounds=int(mine.sum()),
        customers=len(np.unique(rounds.customers[mine])),
        mean=level.value,
        low=level.low,
        high=level.high,
        versus=rounds.variants[0] if place else None,
        difference=found.value,
        difference_low=found.low,
        difference_high=found.high,
        sample_ratio_p=p_value,
        is_winner=verdict is TestVerdict.WINNER and place == winner,
        verdict=str(verdict),
    )


def message_tests(tests: Sequence[VariantRounds]) -> list[VariantRow]:
    """The rows of all tests, journey by journey."""
    return [row for test in tests for row in message_test(test)]
