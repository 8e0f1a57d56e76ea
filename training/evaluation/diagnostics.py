"""What to know about a log and a policy before reading any estimate; all of it from sums that add over shards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.feedback import Floats, LoggedFeedback
from training.evaluation.moments import Moments
from training.evaluation.rounds import EvaluatedRounds
from training.evaluation.tail import WeightTail


@dataclass(frozen=True, kw_only=True)
class ActionSums:
    """Per action, `(n_actions,)` each: rounds it was eligible in, rounds it was chosen in, Σ 1/p and Σ 1/p² over the latter,
    and the probability the evaluation policy gives it, summed over all rounds."""

    eligible: Floats
    chosen: Floats
    inverse: Floats
    inverse_squares: Floats
    evaluation_mass: Floats

    @classmethod
    def of(cls, feedback: LoggedFeedback, evaluation_mass: Floats | None = None) -> ActionSums:
        """The sums of a log; evaluation_mass `(n_actions,)`, None for the behaviour policy itself."""
        inverse = 1.0 / feedback.propensities
        counts = [
            np.bincount(feedback.actions, weights, feedback.n_actions).astype(np.float64)
            for weights in (np.ones_like(inverse), inverse, inverse**2)
        ]
        return cls(
            eligible=feedback.eligible.sum(axis=0).astype(np.float64),
            chosen=counts[0],
            inverse=counts[1],
            inverse_squares=counts[2],
            evaluation_mass=counts[0] if evaluation_mass is None else evaluation_mass,
        )

    def __add__(self, other: ActionSums) -> ActionSums:
        return ActionSums(**{name: column + getattr(other, name) for name, column in vars(self).items()})

    @property
    def unsupported_share(self) -> float:
        """The share of the evaluation policy's probability that lies on actions never seen in the log."""
        return float(self.evaluation_mass[self.chosen == 0].sum() / self.evaluation_mass.sum())

    def inverse_means(self) -> tuple[Floats, Floats, Floats]:
        """Mean of 1{a chosen}/p over the rounds where a was eligible, its z against 1, and the ESS of the 1/p.

        The mean has expectation 1 when the propensities are the true ones. nan where an action was never eligible; z -inf
        where it was eligible and never chosen. Under heavy-tailed 1/p the mean is usually too low and z with it: judge only
        actions whose 1/p have a large effective sample size.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.inverse / self.eligible
            error = np.sqrt((self.inverse_squares / self.eligible - mean**2) / self.eligible)
            z = np.where(np.abs(mean - 1) < 1e-9, 0.0, (mean - 1) / error)
            effective = np.where(self.inverse > 0, self.inverse**2 / self.inverse_squares, 0.0)
        return mean, z, effective


@dataclass(frozen=True, kw_only=True)
class WeightSums:
    """Moments of (w, r) and the largest weights over all rounds; how many have weight, how many a reward too."""

    moments: Moments
    tail: WeightTail
    n_weighted: int
    n_rewarded: int

    @classmethod
    def of(cls, rounds: EvaluatedRounds) -> WeightSums:
        """The sums of these rounds."""
        weights = rounds.weights
        weighted = weights > 0
        return cls(
            moments=Moments.of(np.column_stack([weights, rounds.rewards])),
            tail=WeightTail.of(weights),
            n_weighted=int(weighted.sum()),
            n_rewarded=int((weighted & (rounds.rewards != 0)).sum()),
        )

    def __add__(self, other: WeightSums) -> WeightSums:
        return WeightSums(
            moments=self.moments + other.moments,
            tail=self.tail + other.tail,
            n_weighted=self.n_weighted + other.n_weighted,
            n_rewarded=self.n_rewarded + other.n_rewarded,
        )


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """The log and the policy in numbers.

    mean_weight should be 1, weight_z says by how many standard errors it is not; pareto_k says how heavy the weights' tail
    is. n_rewarded counts rounds that carry weight and whose reward is not 0. Of the n_actions ever eligible, n_checked could
    be held against their propensities; worst_action is the one farthest off, by worst_z. propensities_hold: none is farther
    off than chance allows.
    """

    n_rounds: int
    n_weighted: int
    n_rewarded: int
    mean_reward: float
    mean_weight: float
    weight_z: float
    effective_sample_size: float
    largest_weight: float
    largest_weight_share: float
    pareto_k: float
    unsupported_share: float
    n_actions: int
    n_checked: int
    worst_action: str | None
    worst_z: float
    propensities_hold: bool


CHECKED_FROM_ESS = 100.0
"""An action's propensities are checked when its 1/p have at least this effective sample size."""
FALSE_ALARM = 1e-3
"""The chance (normal approximation, Bonferroni over the checked actions) that a true log fails the propensity check."""


def diagnose(
    weights: WeightSums,
    actions: ActionSums,
    action_names: tuple[str, ...],
    undelivered: ActionSums | None = None,
) -> Diagnostics:
    """The diagnostics from the sums of a whole log.

    undelivered: of rounds that were left out because nothing arrived. Whether propensities are true must be seen from all
    rounds that were chosen: where some channels deliver worse, those that arrived are too few of theirs.
    """
    moments = weights.moments
    mean_weight, mean_reward = (float(mean) for mean in moments.means)
    spread = math.sqrt(moments.variance(np.array([1.0, 0.0])) / moments.n_rounds)
    largest = float(moments.largest[0])
    _, z, effective = (actions + undelivered if undelivered else actions).inverse_means()
    checked = np.flatnonzero(effective >= CHECKED_FROM_ESS)
    worst = int(checked[np.argmax(np.abs(z[checked]))]) if len(checked) else None
    worst_z = 0.0 if worst is None else float(z[worst])
    return Diagnostics(
        n_rounds=moments.n_rounds,
        n_weighted=weights.n_weighted,
        n_rewarded=weights.n_rewarded,
        mean_reward=mean_reward,
        mean_weight=mean_weight,
        weight_z=(mean_weight - 1) / spread if spread > 1e-12 else 0.0,
        effective_sample_size=moments.effective_sample_size(0),
        largest_weight=largest,
        largest_weight_share=largest / (moments.n_rounds * mean_weight) if mean_weight > 0 else 0.0,
        pareto_k=weights.tail.pareto_k(),
        unsupported_share=actions.unsupported_share,
        n_actions=int((actions.eligible > 0).sum()),
        n_checked=len(checked),
        worst_action=None if worst is None else action_names[worst],
        worst_z=worst_z,
        propensities_hold=math.erfc(abs(worst_z) / math.sqrt(2)) * max(len(checked), 1) >= FALSE_ALARM,
    )
