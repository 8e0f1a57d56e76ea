"""A log of any length judged in two passes and bounded memory: chunks of rounds become sums, sums become the report."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np

from models.context import Standardizer
from models.feedback import Floats, LoggedFeedback
from training.evaluation.diagnostics import ActionSums, WeightSums, diagnose
from training.evaluation.errors import TooFewRoundsError
from training.evaluation.estimator import Estimator
from training.evaluation.evaluation import Evaluation, estimate_or_reason, estimator_families
from training.evaluation.moments import Moments
from training.evaluation.reward_sums import N_FOLDS, FoldSums
from training.evaluation.rounds import EvaluatedRounds, evaluate_rounds
from training.evaluation.slope import choose_by_slope
from training.evaluation.verdict import judge

Families = tuple[tuple[Estimator, ...], ...]
PolicyOfRounds = Callable[[LoggedFeedback], Floats]
"""The evaluation policy's probabilities `(n_rounds, n_actions)` on a chunk."""


class RoundSource(Protocol):
    """A log that can be read from the start again and again; every chunk has the same inputs and actions."""

    def chunks(self) -> Iterable[LoggedFeedback]:
        """The rounds in the order of the log."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """What the second pass needs of the first: the design, the models of each fold and the largest weight."""

    standardizer: Standardizer
    coefficients: Floats
    largest_weight: float
    action_names: tuple[str, ...]


def evaluate_stream(
    source: RoundSource, policy: PolicyOfRounds, rng: np.random.Generator, level: float = 0.95
) -> Evaluation:
    """The evaluation of a policy on a log read twice, chunk by chunk.

    The first pass sums up for the cross-fitted reward model and finds the largest weight, the second adds up every
    estimator's moments, for each parameter that SLOPE may choose. Memory is that of one chunk and of the sums. As
    `evaluate_policy` but for the reward model's scaling (from the first chunk) and the choice of its penalty.

    Raises: `TooFewRoundsError` for an empty log, `PolicyError` when probabilities are no distribution.
    """
    prepared = _prepare(source, policy)
    families = estimator_families(prepared.largest_weight, with_model=True, with_kinds=False)
    added = (
        EvaluationSums.of(families, feedback, rounds, mass)
        for feedback, rounds, mass in _second_pass(source, policy, prepared, rng)
    )
    sums = reduce(operator.add, added)
    diagnostics = diagnose(sums.weights, sums.actions, prepared.action_names)
    estimates = tuple(
        estimate_or_reason(*_choose(family, moments), level)
        for family, moments in zip(families, sums.moments, strict=True)
    )
    return Evaluation(diagnostics=diagnostics, verdict=judge(diagnostics), estimates=estimates)


@dataclass(frozen=True, kw_only=True)
class EvaluationSums:
    """All that a report is made of; those of two shards add up. moments: by estimator and parameter."""

    moments: tuple[tuple[Moments, ...], ...]
    weights: WeightSums
    actions: ActionSums

    @classmethod
    def of(
        cls, families: Families, feedback: LoggedFeedback, rounds: EvaluatedRounds, mass: Floats
    ) -> EvaluationSums:
        """The sums of these rounds; mass `(n_actions,)` is the evaluation policy's probability over them."""
        return cls(
            moments=tuple(tuple(each.add_up(rounds) for each in family) for family in families),
            weights=WeightSums.of(rounds),
            actions=ActionSums.of(feedback, mass),
        )

    def __add__(self, other: EvaluationSums) -> EvaluationSums:
        pairs = zip(self.moments, other.moments, strict=True)
        return EvaluationSums(
            moments=tuple(tuple(a + b for a, b in zip(*pair, strict=True)) for pair in pairs),
            weights=self.weights + other.weights,
            actions=self.actions + other.actions,
        )


def _choose(family: tuple[Estimator, ...], moments: tuple[Moments, ...]) -> tuple[Estimator, Moments]:
    chosen = choose_by_slope(family, moments) if len(family) > 1 else 0
    return family[chosen], moments[chosen]


def _prepare(source: RoundSource, policy: PolicyOfRounds) -> _Prepared:
    standardizer: Standardizer | None = None
    sums: FoldSums | None = None
    names: tuple[str, ...] = ()
    largest, seen = 0.0, 0
    for feedback in source.chunks():
        if standardizer is None:
            standardizer, names = Standardizer.fit(feedback.contexts), feedback.action_names
        design = standardizer.design(feedback.contexts)
        added = FoldSums.of(design, feedback.actions, feedback.rewards, feedback.n_actions, first=seen)
        sums = added + sums if sums else added
        rounds = evaluate_rounds(feedback, policy(feedback), np.zeros(feedback.n_rounds))
        largest, seen = max(largest, float(rounds.weights.max())), seen + feedback.n_rounds
    if standardizer is None or sums is None:
        raise TooFewRoundsError("the log holds no rounds; wanted at least 1")
    return _Prepared(
        standardizer=standardizer,
        coefficients=sums.cross_fit(),
        largest_weight=largest,
        action_names=names,
    )


def _second_pass(
    source: RoundSource, policy: PolicyOfRounds, prepared: _Prepared, rng: np.random.Generator
) -> Iterator[tuple[LoggedFeedback, EvaluatedRounds, Floats]]:
    """Each chunk with its evaluated rounds and the policy's probability mass by action."""
    seen = 0
    for feedback in source.chunks():
        design = prepared.standardizer.design(feedback.contexts)
        fold = (seen + np.arange(feedback.n_rounds)) % N_FOLDS
        predictions = np.empty((feedback.n_rounds, feedback.n_actions))
        for f in range(N_FOLDS):
            predictions[fold == f] = design[fold == f] @ prepared.coefficients[f].T
        probabilities = policy(feedback)
        rounds = evaluate_rounds(feedback, probabilities, rng.random(feedback.n_rounds), predictions)
        yield feedback, rounds, probabilities.sum(axis=0)
        seen += feedback.n_rounds
