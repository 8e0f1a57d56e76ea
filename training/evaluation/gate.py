"""May a challenger replace the champion? Conditions on the same logged rounds, each with what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.feedback import Booleans, Floats, LoggedFeedback
from training.evaluation.diagnostics import ActionSums, WeightSums, diagnose
from training.evaluation.dr import DR
from training.evaluation.errors import NoOverlapError, TooFewRoundsError
from training.evaluation.paired import Difference, PairedDifference
from training.evaluation.reward_model import cross_fit_rewards
from training.evaluation.rounds import EvaluatedRounds, evaluate_rounds
from training.evaluation.verdict import WEAK_BELOW_ESS, Grade, judge


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

    def judge(
        self,
        feedback: LoggedFeedback,
        challenger: Floats,
        champion: Floats,
        slices: Mapping[str, Booleans] | None = None,
        undelivered: ActionSums | None = None,
    ) -> GateReport:
        """The conditions, from both policies' probabilities `(n_rounds, n_actions)` and which rounds each slice holds.

        undelivered: rounds left out because nothing arrived; they tell whether the propensities are true.

        The difference is doubly robust with one cross-fitted model for both. A slice is significantly worse when the whole
        interval of its difference lies below 0; slices are not corrected for being several: that only refuses more.
        """
        predictions, no_draws = cross_fit_rewards(feedback), np.zeros(feedback.n_rounds)
        first, second = (
            evaluate_rounds(feedback, each, no_draws, predictions) for each in (challenger, champion)
        )
        conditions = [_readable(feedback, first, challenger, undelivered)]
        difference = _difference(first, second, self.level)
        conditions += self._of_the_whole(difference)
        by_slice = {
            name: _difference(first.take(rows), second.take(rows), self.level)
            for name, rows in (slices or {}).items()
        }
        conditions += [
            _of_a_slice(name, found, int(np.count_nonzero((slices or {})[name])))
            for name, found in by_slice.items()
        ]
        return GateReport(conditions=tuple(conditions), difference=difference, by_slice=by_slice)

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
    by_slice: Mapping[str, Difference | None] = field(default_factory=dict)

    @property
    def opens(self) -> bool:
        """Whether every condition holds."""
        return all(condition.holds for condition in self.conditions)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of those that do not."""
        return tuple(condition.name for condition in self.conditions if not condition.holds)


def _difference(first: EvaluatedRounds, second: EvaluatedRounds, level: float) -> Difference | None:
    paired = PairedDifference(estimator=DR())
    try:
        return paired.estimate(paired.add_up(first, second), level)
    except (NoOverlapError, TooFewRoundsError):
        return None


def _readable(
    feedback: LoggedFeedback,
    rounds: EvaluatedRounds,
    probabilities: Floats,
    undelivered: ActionSums | None,
) -> Condition:
    sums = ActionSums.of(feedback, probabilities.sum(axis=0))
    verdict = judge(diagnose(WeightSums.of(rounds), sums, feedback.action_names, undelivered))
    detail = "; ".join([str(verdict.grade), *verdict.reasons])
    return Condition(name="diagnostics", holds=verdict.grade != Grade.REFUSE, detail=detail)


def _of_a_slice(name: str, found: Difference | None, n_rounds: int) -> Condition:
    if found is None:
        detail = f"undefined on {n_rounds:,} rounds: no overlap" if n_rounds else "no round to judge by"
        return Condition(name=f"slice {name}", holds=n_rounds == 0, detail=detail)
    return Condition(
        name=f"slice {name}",
        holds=found.high >= 0,
        detail=f"{found.value:+.4g}, interval {found.low:+.4g} to {found.high:+.4g} on {found.n_rounds:,} rounds; "
        "it must not lie below 0 altogether",
    )
