"""A judgement whose intervals are the bootstrap's instead of the linearised ones."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from models.feedback import Floats
from training.evaluation.bootstrap import Resamples
from training.evaluation.estimator import Estimate, Estimator
from training.evaluation.first_pass import evaluate_chunk
from training.evaluation.judgement import Judgement, Question
from training.evaluation.log_chunk import LogChunk

ReadChunks = Iterable[tuple[LogChunk, Floats, Floats]]
"""Chunks as they were added up: each with its draws and its predicted rewards."""


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """The estimators of a judgement, in its order, and those whose differences it holds; how many terms each has."""

    estimators: Sequence[tuple[Estimator, int]]
    compared: Sequence[tuple[Estimator, int]]

    def terms(self, question: Question, chunk: LogChunk, draws: Floats, predictions: Floats) -> Floats:
        """The terms of all of them side by side, `(n_rounds, n_terms)`; of a difference those of either policy."""
        first = evaluate_chunk(chunk, question.policy(chunk), question, draws, predictions)
        columns = [estimator.terms(first) for estimator, _ in self.estimators]
        if question.against is not None:
            second = evaluate_chunk(chunk, question.against(chunk), question, draws, predictions)
            for estimator, _ in self.compared:
                columns += [estimator.terms(first), estimator.terms(second)]
        return np.hstack(columns)

    def values(self) -> Iterator[tuple[Callable[[Floats], Floats], list[int]]]:
        """Each estimate, then each difference, as a function of the means of all terms, and where its weights are."""
        start = 0
        for estimator, width in self.estimators:
            yield _value(estimator, start, width), [start + width - 1]
            start += width
        for estimator, width in self.compared:
            one, other = _value(estimator, start, width), _value(estimator, start + width, width)
            yield _less(one, other), [start + width - 1, start + 2 * width - 1]
            start += 2 * width


def resample(
    judgement: Judgement, question: Question, what: Resampled, chunks: ReadChunks, rng: np.random.Generator
) -> Judgement:
    """The judgement with percentile intervals of whole estimates and differences, over the same resamples for all.

    Standard errors and slices stay linearised; what SLOPE chose and the reward model are taken as given. An estimator
    without a value stays so. Raises: `NoOverlapError` when a resample carries no weight.
    """
    drawn = (Resamples.of(what.terms(question, *each), rng, question.n_resamples) for each in chunks)
    resamples = reduce(operator.add, drawn)
    values = list(what.values())
    own, differences = values[: len(what.estimators)], values[len(what.estimators) :]
    estimates = tuple(
        _with_bounds(one, *resamples.interval(*value, question.level)) if isinstance(one, Estimate) else one
        for one, value in zip(judgement.evaluation.estimates, own, strict=True)
    )
    compared = []
    for one, value in zip(judgement.differences, differences, strict=True):
        low, high = resamples.interval(*value, question.level)
        compared.append(replace(one, low=low, high=high))
    return replace(
        judgement,
        evaluation=replace(judgement.evaluation, estimates=estimates),
        differences=tuple(compared),
        n_resamples=question.n_resamples,
    )


def _value(estimator: Estimator, start: int, width: int) -> Callable[[Floats], Floats]:
    return lambda means: estimator.value(means[..., start : start + width])


def _less(one: Callable[[Floats], Floats], other: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    return lambda means: np.asarray(one(means) - other(means))


def _with_bounds(estimate: Estimate, low: float, high: float) -> Estimate:
    return replace(estimate, low=low, high=high)
