"""A log of any length judged in a few readings and bounded memory: chunks of rounds become sums, sums become the report."""

from __future__ import annotations

import operator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from models.feedback import Floats
from training.evaluation.action_rewards import ActionRewards
from training.evaluation.bernstein import bernstein_interval
from training.evaluation.diagnostics import ActionSums, WeightSums, diagnose
from training.evaluation.dr import DR
from training.evaluation.estimator import Estimator
from training.evaluation.evaluation import Evaluation, estimate_or_reason, estimator_families
from training.evaluation.first_pass import FirstPass, evaluate_chunk, read_again, read_first
from training.evaluation.ips import IPS
from training.evaluation.judgement import Judgement, Question
from training.evaluation.log_chunk import LogChunk, RoundSource
from training.evaluation.moments import Moments
from training.evaluation.paired import PairedDifference
from training.evaluation.resampling import Resampled, resample
from training.evaluation.rounds import EvaluatedRounds
from training.evaluation.slice_sums import SliceSums
from training.evaluation.slope import choose_by_slope
from training.evaluation.snips import SNIPS
from training.evaluation.verdict import judge
from training.evaluation.weight_histogram import WeightHistogram

Families = tuple[tuple[Estimator, ...], ...]
PAIRED = tuple(PairedDifference(estimator=each) for each in (IPS(), SNIPS(), DR()))


def judge_log(source: RoundSource, question: Question, rng: np.random.Generator) -> Judgement:
    """The answer from a log read twice, chunk by chunk; three times for bootstrap intervals.

    The first reading sums up for the cross-fitted reward model and finds the largest weight, the second adds up every
    estimator's moments, for each parameter that SLOPE may choose. Memory is that of one chunk and of the sums. The reward
    model's inputs are scaled as those of the first chunk are.

    Raises: `TooFewRoundsError` for an empty log, `PolicyError` when probabilities are no distribution; of slices and bounds
    `EvaluationError`; of differences and resamples `NoOverlapError`.
    """
    found = read_first(source, question)
    families = estimator_families(found.largest_weight, with_model=True, with_kinds=found.has_kinds)
    asked = {each.name: each for each in (*question.slices, *found.slices())}
    question = replace(question, slices=tuple(asked.values()))
    same_draws = deepcopy(rng)
    sums = reduce(
        operator.add,
        (EvaluationSums.of(families, question, *each) for each in read_again(source, found, rng)),
    )
    chosen = tuple(_choose(family, each) for family, each in zip(families, sums.moments, strict=True))
    judgement = _judgement(sums, chosen, question, found)
    if not question.n_resamples:
        return judgement
    compared = [
        (paired.estimator, len(each.means) // 2) for paired, each in zip(PAIRED, sums.paired, strict=False)
    ]
    what = Resampled(estimators=[(each, len(moments.means)) for each, moments in chosen], compared=compared)
    return resample(judgement, question, what, read_again(source, found, same_draws), rng)


def _judgement(
    sums: EvaluationSums,
    chosen: tuple[tuple[Estimator, Moments], ...],
    question: Question,
    found: FirstPass,
) -> Judgement:
    level = question.level
    diagnostics = diagnose(sums.weights, sums.actions, found.action_names, question.undelivered)
    estimates = tuple(estimate_or_reason(estimator, moments, level) for estimator, moments in chosen)
    evaluation = Evaluation(diagnostics=diagnostics, verdict=judge(diagnostics), estimates=estimates)
    bernstein = None
    if question.bounds is not None:
        of_ips = next(moments for estimator, moments in chosen if isinstance(estimator, IPS))
        bernstein = bernstein_interval(IPS(), of_ips, *question.bounds.of_weighted_rewards(), level)
    return Judgement(
        evaluation=evaluation,
        weights=sums.histogram,
        actions=sums.rewards.by_action(found.action_names, level),
        slices=tuple(
            each.finding(named.name, level) for named, each in zip(question.slices, sums.slices, strict=True)
        ),
        differences=tuple(
            paired.estimate(each, level) for paired, each in zip(PAIRED, sums.paired, strict=False)
        ),
        bernstein=bernstein,
        level=level,
    )


@dataclass(frozen=True, kw_only=True)
class EvaluationSums:
    """All that a report is made of; those of two shards add up.

    moments: by estimator and parameter; slices: in the question's order; paired: by estimator, empty without another policy.
    """

    moments: tuple[tuple[Moments, ...], ...]
    weights: WeightSums
    actions: ActionSums
    histogram: WeightHistogram
    rewards: ActionRewards
    slices: tuple[SliceSums, ...]
    paired: tuple[Moments, ...]

    @classmethod
    def of(
        cls, families: Families, question: Question, chunk: LogChunk, draws: Floats, predictions: Floats
    ) -> EvaluationSums:
        """The sums of one chunk, given its rounds' draws and predicted rewards."""
        probabilities = question.policy(chunk)
        mass = None if probabilities is None else probabilities.sum(axis=0)
        first = evaluate_chunk(chunk, probabilities, question, draws, predictions)
        second = None
        if question.against is not None:
            second = evaluate_chunk(chunk, question.against(chunk), question, draws, predictions)
        return cls(
            moments=tuple(tuple(each.add_up(first) for each in family) for family in families),
            weights=WeightSums.of(first),
            actions=ActionSums.of(chunk.feedback, mass),
            histogram=WeightHistogram.of(first.weights),
            rewards=ActionRewards.of(chunk.feedback),
            slices=tuple(_slices(question, chunk, first, second)),
            paired=() if second is None else tuple(each.add_up(first, second) for each in PAIRED),
        )

    def __add__(self, other: EvaluationSums) -> EvaluationSums:
        pairs = zip(self.moments, other.moments, strict=True)
        return EvaluationSums(
            moments=tuple(tuple(a + b for a, b in zip(*pair, strict=True)) for pair in pairs),
            weights=self.weights + other.weights,
            actions=self.actions + other.actions,
            histogram=self.histogram + other.histogram,
            rewards=self.rewards + other.rewards,
            slices=tuple(a + b for a, b in zip(self.slices, other.slices, strict=True)),
            paired=tuple(a + b for a, b in zip(self.paired, other.paired, strict=True)),
        )


def _slices(
    question: Question, chunk: LogChunk, first: EvaluatedRounds, second: EvaluatedRounds | None
) -> list[SliceSums]:
    cut = [each.rounds(chunk.feedback, chunk.labels) for each in question.slices]
    return [SliceSums.of(first.take(rows), None if second is None else second.take(rows)) for rows in cut]


def _choose(family: tuple[Estimator, ...], moments: tuple[Moments, ...]) -> tuple[Estimator, Moments]:
    chosen = choose_by_slope(family, moments) if len(family) > 1 else 0
    return family[chosen], moments[chosen]
