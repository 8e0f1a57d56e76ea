"""An evaluation as rows of data and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.evaluation.diagnostics import Diagnostics
from training.evaluation.estimator import Estimate
from training.evaluation.evaluation import Evaluation, Undefined
from training.evaluation.judgement import SliceFinding
from training.evaluation.paired import Difference
from training.evaluation.verdict import Grade, Verdict, judge_estimate

_COLOURS = {Grade.CONCLUDE: "green", Grade.WEAK: "yellow", Grade.REFUSE: "red"}


def estimate_rows(evaluation: Evaluation) -> list[dict[str, object]]:
    """One row an estimator: the estimate's fields, its grade and its reasons; only the last two where it is undefined."""
    return [_row(estimate, evaluation.verdict) for estimate in evaluation.estimates]


def _row(estimate: Estimate | Undefined, overall: Verdict) -> dict[str, object]:
    if isinstance(estimate, Undefined):
        return {"estimator": estimate.estimator, "grade": str(Grade.REFUSE), "reasons": [estimate.reason]}
    verdict = judge_estimate(estimate, overall)
    return {**asdict(estimate), "grade": str(verdict.grade), "reasons": list(verdict.reasons)}


def render(evaluation: Evaluation, title: str, notes: tuple[str, ...] = ()) -> RenderableType:
    """The whole report, diagnostics before estimates, verdict last."""
    verdict = evaluation.verdict
    lines = [Text(f"Verdict: {verdict.grade}", style=f"bold {_COLOURS[verdict.grade]}")]
    lines += [Text(f"  - {reason}") for reason in verdict.reasons]
    lines += [Text(f"Note: {note}", style="dim") for note in notes]
    return Group(_diagnostics_table(evaluation.diagnostics, title), _estimates_table(evaluation), *lines)


def render_differences(found: Sequence[Difference], policy: str, against: str) -> RenderableType:
    """The paired differences, each with whether it is told from 0."""
    table = Table(title=f"{policy} less {against}, on the same rounds", title_justify="left")
    table.add_column("estimator", no_wrap=True)
    for name in ("first", "second", "difference", "low", "high"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reading")
    for each in found:
        numbers = (each.first, each.second, each.value, each.low, each.high)
        table.add_row(each.estimator, *(f"{number:.3g}" for number in numbers), reading_of(each))
    return table


def reading_of(found: Difference) -> str:
    """What the interval of a difference says."""
    return "better" if found.low > 0 else "worse" if found.high < 0 else "not told apart"


def _diagnostics_table(found: Diagnostics, title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in diagnostic_rows(found):
        table.add_row(name, value)
    return table


def render_slices(found: Sequence[SliceFinding]) -> RenderableType:
    """The policy's value by slice, and where it was compared, by how much it leads there."""
    table = Table(title="by slice, doubly robust", title_justify="left")
    table.add_column("slice")
    for name in ("rounds", "mean logged", "value", "low", "high"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("difference")
    for each in found:
        value: tuple[str, ...] = ("undefined", "", "")
        if isinstance(each.estimate, Estimate):
            bounds = (each.estimate.value, each.estimate.low, each.estimate.high)
            value = tuple(f"{number:.4g}" for number in bounds)
        lead = each.difference
        said = f"{lead.value:+.3g} ({lead.low:+.3g} to {lead.high:+.3g}): {reading_of(lead)}" if lead else ""
        table.add_row(each.name, f"{each.n_rounds:,}", f"{each.mean_reward:.4g}", *value, said)
    return table


def diagnostic_rows(found: Diagnostics) -> tuple[tuple[str, str], ...]:
    """The diagnostics in words, by name, in reading order."""
    check = "none frequent enough to check"
    if found.worst_action is not None:
        result = "hold" if found.propensities_hold else "DO NOT HOLD"
        check = f"{result}; {found.n_checked} of {found.n_actions} actions checked, "
        check += f"worst {found.worst_action} (z {found.worst_z:+.1f})"
    share = f"{found.largest_weight_share:.1%} of all"
    return (
        ("rounds", f"{found.n_rounds:,} (weight above 0: {found.n_weighted:,})"),
        ("rewards other than 0, with weight", f"{found.n_rewarded:,}"),
        ("mean logged reward", f"{found.mean_reward:.6g}"),
        ("effective sample size", f"{found.effective_sample_size:,.0f}"),
        ("mean weight (should be 1)", f"{found.mean_weight:.4f} (z {found.weight_z:+.1f})"),
        ("largest weight", f"{found.largest_weight:.4g} ({share})"),
        ("tail of the weights", f"Pareto k {found.pareto_k:.2f}" if isfinite(found.pareto_k) else "none"),
        ("probability on actions never logged", f"{found.unsupported_share:.2%}"),
        ("propensities", check),
    )


def _estimates_table(evaluation: Evaluation) -> Table:
    table = Table()
    table.add_column("estimator", no_wrap=True)
    for name in ("value", "std. error", "low", "high", "ESS"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reading")
    for estimate in evaluation.estimates:
        if isinstance(estimate, Undefined):
            table.add_row(estimate.estimator, "undefined", "", "", "", "", estimate.reason)
            continue
        verdict = judge_estimate(estimate, evaluation.verdict)
        reading = ": ".join(filter(None, [str(verdict.grade), ", ".join(verdict.reasons)]))
        numbers = (estimate.value, estimate.standard_error, estimate.low, estimate.high)
        effective = f"{estimate.effective_sample_size:,.0f}"
        table.add_row(estimate.estimator, *(f"{number:.4g}" for number in numbers), effective, reading)
    return table
