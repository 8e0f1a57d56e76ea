"""What fitting must know of all rounds before it learns the first: how many, and how their inputs and rewards spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.context import Standardizer
from training.drift.distribution import InputDistributions
from training.drift.row_sample import RowSample
from training.evaluation.errors import TooFewRoundsError
from training.evaluation.log_chunk import RoundSource
from training.evaluation.moments import Moments

SAMPLED: Final = 10_000
"""Rounds that the distributions of their inputs are told from."""


@dataclass(frozen=True, kw_only=True)
class RoundFacts:
    """Number and names of the rounds, their mean reward, its variance (divisor n) and its range."""

    n_rounds: int
    input_names: tuple[str, ...]
    action_names: tuple[str, ...]
    mean_reward: float
    reward_variance: float
    lowest_reward: float
    highest_reward: float


def read_facts(rounds: RoundSource) -> RoundFacts:
    """The facts from one reading, one chunk in memory. Raises: `TooFewRoundsError` without a round."""
    moments: Moments | None = None
    inputs: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    for chunk in rounds.chunks():
        rewards = chunk.feedback.rewards
        added = Moments.of(np.column_stack([rewards, -rewards]))
        moments = moments + added if moments else added
        inputs, actions = chunk.feedback.input_names, chunk.feedback.action_names
    if moments is None:
        raise TooFewRoundsError("the log holds no rounds; wanted at least 1")
    return RoundFacts(
        n_rounds=moments.n_rounds,
        input_names=inputs,
        action_names=actions,
        mean_reward=float(moments.means[0]),
        reward_variance=moments.variance(np.array([1.0, 0.0])),
        lowest_reward=-float(moments.largest[1]),
        highest_reward=float(moments.largest[0]),
    )


def fit_standardizer(rounds: RoundSource, n_inputs: int) -> Standardizer:
    """As `Standardizer.fit` on all rounds together, from two readings. Raises: as `rounds`."""
    count, total, squares = (np.zeros(n_inputs) for _ in range(3))
    for chunk in rounds.chunks():
        known = np.isfinite(chunk.feedback.contexts)
        count += known.sum(axis=0)
        total += np.where(known, chunk.feedback.contexts, 0.0).sum(axis=0)
    count = np.maximum(count, 1.0)
    center = total / count
    for chunk in rounds.chunks():
        off = chunk.feedback.contexts - center
        squares += (np.where(np.isfinite(off), off, 0.0) ** 2).sum(axis=0)
    variance = squares / count
    return Standardizer(center, np.where(variance > 1e-12, np.sqrt(variance), 1.0))


def input_distributions(rounds: RoundSource, rng: np.random.Generator) -> InputDistributions:
    """How the inputs are distributed over at most `SAMPLED` rounds, each counted as a customer. Raises: as `rounds`."""
    sample = RowSample(SAMPLED, rng)
    names: tuple[str, ...] = ()
    for chunk in rounds.chunks():
        sample.offer(chunk.feedback.contexts)
        names = chunk.feedback.input_names
    (contexts,) = sample.columns
    return InputDistributions.of(names, contexts, len(contexts))
