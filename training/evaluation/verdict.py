"""May one conclude from these estimates? A verdict with its reasons; the bounds are conventions, stated here once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from training.evaluation.diagnostics import Diagnostics
from training.evaluation.estimator import Estimate


class Grade(StrEnum):
    """How far estimates may be trusted."""

    CONCLUDE = "conclude"
    WEAK = "weak"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The grade, and why it is not better; no reasons where it is `conclude`."""

    grade: Grade
    reasons: tuple[str, ...]


REFUSE_BELOW_ESS, WEAK_BELOW_ESS = 30, 200
REFUSE_BELOW_REWARDED, WEAK_BELOW_REWARDED = 10, 100
REFUSE_ABOVE_UNSUPPORTED, WEAK_ABOVE_UNSUPPORTED = 0.1, 0.01
WEAK_ABOVE_WEIGHT_SHARE = 0.05
WEAK_ABOVE_WEIGHT_Z = 4.0
WEAK_ABOVE_PARETO_K = 0.7
"""Vehtari et al. (2024). No reason to refuse: a floor bounds the weights, and a few distinct ones can look heavier."""


def judge(diagnostics: Diagnostics) -> Verdict:
    """The verdict on an evaluation as a whole."""
    refusals, doubts = tuple(_refusals(diagnostics)), tuple(_doubts(diagnostics))
    if refusals:
        return Verdict(grade=Grade.REFUSE, reasons=refusals + doubts)
    return Verdict(grade=Grade.WEAK if doubts else Grade.CONCLUDE, reasons=doubts)


def refuse_for(verdict: Verdict, faults: tuple[str, ...]) -> Verdict:
    """The verdict, but to refuse where the log itself is at fault."""
    return Verdict(grade=Grade.REFUSE, reasons=faults + verdict.reasons) if faults else verdict


def judge_estimate(estimate: Estimate, evaluation: Verdict) -> Verdict:
    """The verdict on one estimator's row, from the weights it put on the rounds; never better than the evaluation's."""
    effective, share = estimate.effective_sample_size, estimate.largest_weight_share
    reasons = []
    if effective < WEAK_BELOW_ESS:
        reasons.append(f"{effective:.0f} effective rounds")
    if share > WEAK_ABOVE_WEIGHT_SHARE:
        reasons.append(f"one round has {share:.0%} of the weight")
    no_spread = estimate.standard_error == 0
    if no_spread:
        reasons.append("no spread among the rewards it saw")
    if estimate.caveat:
        reasons.append(estimate.caveat)
    grade = Grade.WEAK if reasons else Grade.CONCLUDE
    if no_spread or effective < REFUSE_BELOW_ESS:
        grade = Grade.REFUSE
    return Verdict(grade=max(grade, evaluation.grade, key=list(Grade).index), reasons=tuple(reasons))


def _refusals(found: Diagnostics) -> Iterator[str]:
    if found.n_weighted == 0:
        yield f"no overlap: none of {found.n_rounds} rounds could have come from the policy"
    elif found.effective_sample_size < REFUSE_BELOW_ESS:
        yield f"{found.effective_sample_size:.0f} effective rounds; below {REFUSE_BELOW_ESS}"
    if found.n_rewarded < REFUSE_BELOW_REWARDED:
        yield f"{found.n_rewarded} rounds with weight have a reward other than 0; below {REFUSE_BELOW_REWARDED}"
    if found.unsupported_share > REFUSE_ABOVE_UNSUPPORTED:
        yield f"{found.unsupported_share:.0%} of the policy's probability is on actions the log never shows"
    if not found.propensities_hold:
        yield f"the logged propensities of action {found.worst_action} are not true (z {found.worst_z:+.1f})"


def _doubts(found: Diagnostics) -> Iterator[str]:
    if REFUSE_BELOW_ESS <= found.effective_sample_size < WEAK_BELOW_ESS:
        yield f"{found.effective_sample_size:.0f} effective rounds; below {WEAK_BELOW_ESS}"
    if REFUSE_BELOW_REWARDED <= found.n_rewarded < WEAK_BELOW_REWARDED:
        yield f"only {found.n_rewarded} rounds with weight have a reward other than 0; below {WEAK_BELOW_REWARDED}"
    if WEAK_ABOVE_UNSUPPORTED < found.unsupported_share <= REFUSE_ABOVE_UNSUPPORTED:
        yield f"{found.unsupported_share:.1%} of the policy's probability is on actions the log never shows"
    if found.largest_weight_share > WEAK_ABOVE_WEIGHT_SHARE:
        yield f"one round has {found.largest_weight_share:.0%} of all weight"
    if found.pareto_k > WEAK_ABOVE_PARETO_K:
        yield f"the weights have a heavy tail (Pareto k {found.pareto_k:.2f}; below {WEAK_ABOVE_PARETO_K} is well)"
    if abs(found.weight_z) > WEAK_ABOVE_WEIGHT_Z:
        yield f"the mean weight is {found.mean_weight:.3f}, not 1 (z {found.weight_z:+.1f})"
    if found.n_checked == 0:
        yield "no action is frequent enough to check its propensities"
