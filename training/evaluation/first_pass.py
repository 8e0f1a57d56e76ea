"""The first reading of a log: what the second needs to know of all rounds before it can add up any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.context import Standardizer
from models.feedback import Floats, LoggedFeedback
from training.evaluation.errors import TooFewRoundsError
from training.evaluation.judgement import Question
from training.evaluation.log_chunk import LogChunk, PolicyOfChunk, RoundSource
from training.evaluation.reward_sums import N_FOLDS, FoldSums
from training.evaluation.rounds import EvaluatedRounds, evaluate_logged_rounds, evaluate_rounds, weigh_kinds
from training.evaluation.slices import Slice

MOST_TEXTS: Final = 12
"""A label with more texts than these gets no slices of its own."""


@dataclass(frozen=True, kw_only=True)
class FirstPass:
    """The design, the reward models of each fold, the largest weight, and which texts the labels have.

    texts: by label, ascending; without those of more than `MOST_TEXTS`. has_kinds: whether kinds of actions can be weighed.
    """

    standardizer: Standardizer
    coefficients: Floats
    largest_weight: float
    action_names: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]
    has_kinds: bool

    def slices(self) -> tuple[Slice, ...]:
        """One slice for each text of each label, where a label has two or more."""
        return tuple(
            Slice.of_label(label, text)
            for label, texts in self.texts.items()
            if len(texts) > 1
            for text in texts
        )

    def predictions(self, feedback: LoggedFeedback, first: int) -> Floats:
        """q(x,a) `(n_rounds, n_actions)` for rounds first, first + 1, ... of the log, by models that did not see them."""
        design = self.standardizer.design(feedback.contexts)
        fold = (first + np.arange(feedback.n_rounds)) % N_FOLDS
        predictions = np.empty((feedback.n_rounds, feedback.n_actions))
        for f in range(N_FOLDS):
            predictions[fold == f] = design[fold == f] @ self.coefficients[f].T
        return predictions


def read_first(source: RoundSource, question: Question) -> FirstPass:
    """What one reading of the log finds. Raises: `TooFewRoundsError` for an empty log, `PolicyError`."""
    sums: FoldSums | None = None
    standardizer: Standardizer | None = None
    names: tuple[str, ...] = ()
    has_kinds = False
    largest, seen = 0.0, 0
    texts: dict[str, set[str]] = {}
    for chunk in source.chunks():
        feedback = chunk.feedback
        if standardizer is None:
            standardizer, names = Standardizer.fit(feedback.contexts), feedback.action_names
            has_kinds = question.kinds is not None and chunk.behavior is not None
        design = standardizer.design(feedback.contexts)
        added = FoldSums.of(design, feedback.actions, feedback.rewards, feedback.n_actions, first=seen)
        sums = added + sums if sums else added
        largest = max(largest, _largest_weight(chunk, question.policy))
        seen += feedback.n_rounds
        _note_texts(texts, chunk)
    if standardizer is None or sums is None:
        raise TooFewRoundsError("the log holds no rounds; wanted at least 1")
    return FirstPass(
        standardizer=standardizer,
        coefficients=sums.cross_fit(),
        largest_weight=largest,
        action_names=names,
        texts={label: tuple(sorted(found)) for label, found in texts.items() if len(found) <= MOST_TEXTS},
        has_kinds=has_kinds,
    )


def read_again(
    source: RoundSource, found: FirstPass, rng: np.random.Generator
) -> Iterator[tuple[LogChunk, Floats, Floats]]:
    """Each chunk with the draws of its rounds, `(n_rounds,)`, and their predicted rewards, `(n_rounds, n_actions)`."""
    seen = 0
    for chunk in source.chunks():
        yield chunk, rng.random(chunk.feedback.n_rounds), found.predictions(chunk.feedback, seen)
        seen += chunk.feedback.n_rounds


def evaluate_chunk(
    chunk: LogChunk,
    probabilities: Floats | None,
    question: Question,
    draws: Floats,
    predictions: Floats | None = None,
) -> EvaluatedRounds:
    """The chunk as estimators see it under these probabilities; None: under the behaviour policy. Raises: `PolicyError`."""
    if probabilities is None:
        return evaluate_logged_rounds(chunk.feedback, draws, predictions)
    rounds = evaluate_rounds(chunk.feedback, probabilities, draws, predictions)
    if question.kinds is None or chunk.behavior is None:
        return rounds
    weights = weigh_kinds(chunk.feedback, probabilities, chunk.behavior, question.kinds)
    return replace(rounds, kind_weights=weights)


def _largest_weight(chunk: LogChunk, policy: PolicyOfChunk) -> float:
    probabilities = policy(chunk)
    if probabilities is None:
        return 1.0
    draws = np.zeros(chunk.feedback.n_rounds)
    return float(evaluate_rounds(chunk.feedback, probabilities, draws).weights.max())


def _note_texts(texts: dict[str, set[str]], chunk: LogChunk) -> None:
    for label, values in chunk.labels.texts.items():
        known = texts.setdefault(label, set())
        if len(known) <= MOST_TEXTS:
            known.update(np.unique(values).tolist())
