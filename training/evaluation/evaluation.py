"""One policy judged on one log: diagnostics, verdict and every estimator's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.feedback import Floats, LoggedFeedback
from training.evaluation.clipped_ips import ClippedIPS
from training.evaluation.diagnostics import Diagnostics
from training.evaluation.dm import DM
from training.evaluation.dr import DR
from training.evaluation.dros import DRos
from training.evaluation.errors import NoOverlapError
from training.evaluation.estimator import Estimate, Estimator
from training.evaluation.ips import IPS
from training.evaluation.mips import MIPS
from training.evaluation.moments import Moments
from training.evaluation.replay import Replay
from training.evaluation.rounds import EvaluatedRounds
from training.evaluation.slope import GRID, choose_by_slope
from training.evaluation.sndr import SNDR
from training.evaluation.snips import SNIPS
from training.evaluation.switch_dr import SwitchDR
from training.evaluation.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Undefined:
    """An estimator that has no value on this log, and why."""

    estimator: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything found about one policy on one log, in reading order."""

    diagnostics: Diagnostics
    verdict: Verdict
    estimates: tuple[Estimate | Undefined, ...]


def standard_estimators(rounds: EvaluatedRounds) -> tuple[Estimator, ...]:
    """The estimators of a report; what these rounds do not allow (no model, no kinds of actions) is left out.

    Replay bounds the weights by the largest one in these rounds; cap, threshold and shrinkage are chosen by SLOPE.
    """
    families = estimator_families(
        float(rounds.weights.max()),
        with_model=rounds.predicted_rewards is not None,
        with_kinds=rounds.kind_weights is not None,
    )
    return tuple(_tuned(family, rounds) for family in families)


def estimator_families(
    largest_weight: float, *, with_model: bool, with_kinds: bool
) -> tuple[tuple[Estimator, ...], ...]:
    """Each estimator of a report with every parameter that it may be given, in the order of the report."""
    families: list[tuple[Estimator, ...]] = [
        (Replay(largest_weight=largest_weight),),
        (IPS(),),
        _CLIPPED,
        (SNIPS(),),
    ]
    if with_model:
        families += [(DM(),), (DR(),), (SNDR(),), _SWITCH, _SHRUNK]
    if with_kinds:
        families.append((MIPS(),))
    return tuple(families)


_CLIPPED = tuple(ClippedIPS(cap=value) for value in GRID)
_SWITCH = tuple(SwitchDR(threshold=value) for value in GRID)
_SHRUNK = tuple(DRos(shrinkage=value) for value in GRID)


def _tuned(candidates: Sequence[Estimator], rounds: EvaluatedRounds) -> Estimator:
    if len(candidates) == 1:
        return candidates[0]
    return candidates[choose_by_slope(candidates, [each.add_up(rounds) for each in candidates])]


def uniform_probabilities(feedback: LoggedFeedback) -> Floats:
    """The policy that chooses evenly among the eligible actions, `(n_rounds, n_actions)`."""
    return np.asarray(feedback.eligible / feedback.eligible.sum(axis=1, keepdims=True))


def estimate_or_reason(estimator: Estimator, moments: Moments, level: float) -> Estimate | Undefined:
    """The estimate from the sums, or why there is none."""
    try:
        return estimator.estimate(moments, level)
    except NoOverlapError as error:
        return Undefined(estimator=estimator.name, reason=str(error))
