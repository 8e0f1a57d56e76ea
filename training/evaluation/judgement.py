"""What is asked of a log, and what is answered: an evaluation with all that a report shows beside it."""

from __future__ import annotations

from dataclasses import dataclass

from models.feedback import Integers
from training.evaluation.action_rewards import ActionReward
from training.evaluation.bernstein import KnownBounds
from training.evaluation.diagnostics import ActionSums
from training.evaluation.estimator import Estimate
from training.evaluation.evaluation import Evaluation, Undefined
from training.evaluation.log_chunk import PolicyOfChunk
from training.evaluation.paired import Difference
from training.evaluation.slices import Slice
from training.evaluation.weight_histogram import WeightHistogram


@dataclass(frozen=True, kw_only=True)
class Question:
    """A policy to judge; another to be compared with it on the same rounds; slices to look at beside the whole log.

    kinds `(n_actions,)`: which actions are of one kind, for MIPS. undelivered: rounds that the log leaves out. bounds: add
    the empirical Bernstein interval. n_resamples: intervals by the bootstrap with so many, 0 for the linearised ones.
    """

    policy: PolicyOfChunk
    against: PolicyOfChunk | None = None
    slices: tuple[Slice, ...] = ()
    kinds: Integers | None = None
    undelivered: ActionSums | None = None
    bounds: KnownBounds | None = None
    n_resamples: int = 0
    level: float = 0.95


@dataclass(frozen=True, kw_only=True)
class SliceFinding:
    """The rounds of a slice, their mean logged reward (nan without one), the policy's value there (DR) and the paired
    difference; None where it was not asked for or has no overlap."""

    name: str
    n_rounds: int
    mean_reward: float
    estimate: Estimate | Undefined
    difference: Difference | None = None


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All that was found out about a policy on a log; bernstein: low and high, None where no bounds were given."""

    evaluation: Evaluation
    weights: WeightHistogram
    actions: tuple[ActionReward, ...]
    slices: tuple[SliceFinding, ...] = ()
    differences: tuple[Difference, ...] = ()
    bernstein: tuple[float, float] | None = None
    n_resamples: int = 0
    level: float = 0.95
