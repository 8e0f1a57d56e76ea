"""May a challenger replace the champion? Conditions on the same logged rounds, each with what was found."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from training.evaluation.diagnostics import diagnose
from training.evaluation.dr import DR
from training.evaluation.errors import NoOverlapError
from training.evaluation.first_pass import read_again, read_first
from training.evaluation.judgement import Question, SliceFinding
from training.evaluation.log_chunk import RoundSource
from training.evaluation.paired import Difference
from training.evaluation.slices import refuse_unmet
from training.evaluation.stream import PAIRED, EvaluationSums
from training.evaluation.verdict import WEAK_BELOW_ESS, Grade, Verdict, judge


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition of a gate, whether it holds, and what was found and wanted."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class PolicyGate:
    """What the paired difference must show.

    bar: the low end of its interval must lie above it, in the reward's unit per round. least_effective: the effective rounds
    that both policies must have. level: of the two-sided intervals.
    """

    bar: float = 0.0
    least_effective: float = WEAK_BELOW_ESS
    level: float = 0.95

    def judge(self, source: RoundSource, question: Question) -> GateReport:
        """The conditions: is the question's policy better than the one it is compared with, and worse on none of its slices?

        The difference is doubly robust with one cross-fitted model for both. A slice is significantly worse when the whole
        interval of its difference lies below 0; slices are not corrected for being several: that only refuses more. The log
        is read twice, a chunk in memory.

        Raises: `EvaluationError` for a slice that the log cannot have, `PolicyError` when probabilities are no distribution,
        `TooFewRoundsError`.
        """
        found = read_first(source, question)
        chunks = read_again(source, found, np.random.default_rng(0))  # its draws are for replay alone
        sums = reduce(operator.add, (EvaluationSums.of((), question, *each) for each in chunks))
        slices = [
            each.finding(named.name, self.level)
            for named, each in zip(question.slices, sums.slices, strict=True)
        ]
        refuse_unmet(
            source, [cut for cut, each in zip(question.slices, slices, strict=True) if not each.n_rounds]
        )
        verdict = judge(diagnose(sums.weights, sums.actions, found.action_names, question.undelivered))
        difference = _difference(sums, self.level)
        return GateReport(
            conditions=(_readable(verdict), *self._of_the_whole(difference), *map(_of_a_slice, slices)),
            difference=difference,
        )

    def _of_the_whole(self, found: Difference | None) -> Iterator[Condition]:
        if found is None:
            yield Condition(
                name="difference", holds=False, detail="undefined: no overlap with one of the policies"
            )
            return
        yield Condition(
            name="difference",
            holds=found.low > self.bar,
            detail=f"{found.value:+.4g} a round, {found.level:.0%} interval {found.low:+.4g} to {found.high:+.4g}; "
            f"its low end must lie above {self.bar:g}",
        )
        yield Condition(
            name="effective rounds",
            holds=found.effective_sample_size >= self.least_effective,
            detail=f"{found.effective_sample_size:,.0f} of {found.n_rounds:,}; wanted {self.least_effective:g}",
        )


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """The conditions of a gate in the order judged; of policies also the difference (None: undefined)."""

    conditions: Sequence[Condition]
    difference: Difference | None = None

    @property
    def opens(self) -> bool:
        """Whether every condition holds."""
        return all(condition.holds for condition in self.conditions)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of those that do not."""
        return tuple(condition.name for condition in self.conditions if not condition.holds)


def _difference(sums: EvaluationSums, level: float) -> Difference | None:
    try:
        return next(
            each.estimate(moments, level)
            for each, moments in zip(PAIRED, sums.paired, strict=True)
            if isinstance(each.estimator, DR)
        )
    except NoOverlapError:
        return None


def _readable(verdict: Verdict) -> Condition:
    detail = "; ".join([str(verdict.grade), *verdict.reasons])
    return Condition(name="diagnostics", holds=verdict.grade != Grade.REFUSE, detail=detail)


def _of_a_slice(found: SliceFinding) -> Condition:
    name, difference = f"slice {found.name}", found.difference
    if difference is None:
        detail = (
            f"undefined on {found.n_rounds:,} rounds: no overlap"
            if found.n_rounds
            else "no round to judge by"
        )
        return Condition(name=name, holds=found.n_rounds == 0, detail=detail)
    return Condition(
        name=name,
        holds=difference.high >= 0,
        detail=f"{difference.value:+.4g}, interval {difference.low:+.4g} to {difference.high:+.4g} on "
        f"{difference.n_rounds:,} rounds; it must not lie below 0 altogether",
    )
