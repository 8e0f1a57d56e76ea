"""A drift report as one HTML file, the verdict first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from training.drift.finding import InputFinding, PartFinding
from training.drift.picture import COLOURS, share_picture, shift_picture, time_picture
from training.drift.report import (
    AGES,
    CALIBRATION,
    DriftReport,
    age_row,
    calibration_row,
    counted_grades,
    degraded_text,
    number,
    title_of,
    worst_by_name,
)
from training.drift.stability import DRIFT, WATCH, Grade
from training.evaluation.html_page import Markup, html_notes, html_page, html_table

PICTURED: Final = 30
"""Inputs in the picture of shifts, the largest first."""

DRAWN: Final = 6
"""Inputs whose shares are drawn."""

_MEANING: Final = {
    Grade.STABLE: "what decisions see is what the models were trained on",
    Grade.WATCH: "something moved: look at it before it moves on",
    Grade.DRIFT: "the models meet what they were not trained on",
    Grade.TOO_FEW: "too few customers to tell",
}


def write_drift_page(report: DriftReport) -> str:
    """The whole page."""
    return html_page(f"Training beside {title_of(report)}", _sections(report))


def _sections(report: DriftReport) -> Iterator[str]:
    yield _verdict(report)
    yield _models(report)
    found = worst_by_name(report.inputs)
    yield "<h2>How far each input moved</h2>"
    yield f"<p>Population stability index; the tick is what chance makes of it. Dashed: {WATCH:g}, to watch, and {DRIFT:g}, "
    yield "drift. Of an input of several models the largest.</p>"
    yield shift_picture([each for each, _ in found[:PICTURED]])
    yield _inputs(found)
    for each, _ in found[:DRAWN]:
        yield f"<h2>{escape(each.name)}, as {escape(each.model)} knows it</h2>{share_picture(each)}"
    yield from _parts("By journey", report.journeys)
    if len(report.times) > 1:
        yield from _parts("By time", report.times)
        yield time_picture(report.times)
    if report.calibrations:
        yield "<h2>Calibration at live decisions</h2>"
        yield html_table(CALIBRATION, map(calibration_row, report.calibrations))
    if report.ages:
        yield "<h2>Rows of these customers now</h2><p>Age in days.</p>"
        yield html_table(AGES, map(age_row, report.ages))
    yield html_notes(report.notes)


def _verdict(report: DriftReport) -> str:
    colour, grade = COLOURS[report.grade], report.grade
    return (
        f'<div class="verdict" style="border-color: {colour}"><b style="color: {colour}">Verdict: {grade}</b>, '
        f"{_MEANING[grade]}<ul><li>{escape(counted_grades(report))}</li></ul></div>"
    )


def _models(report: DriftReport) -> str:
    rows = [
        (name, str(told["digest"]), f"{told['n_rows']:,}", f"{told['n_customers']:,}")
        for name, told in report.models.items()
    ]
    return html_table(("model", "version", "rows of training", "customers"), rows)


def _inputs(found: Sequence[tuple[InputFinding, tuple[str, ...]]]) -> str:
    head = ("input", "PSI", "by chance", "reading", "mean", "was", "10 %, half, 90 %", "was")
    shares = ("missing", "was", "defaults", "outside", "of")
    return html_table((*head, *shares), [_input_row(each, models) for each, models in found])


def _input_row(each: InputFinding, models: tuple[str, ...]) -> tuple[str, ...]:
    seen, trained = each.seen, each.trained
    middles = ("; ".join(map(number, side.quantiles[1:-1])) for side in (seen, trained))
    means = (number(seen.mean), number(trained.mean))
    shares = (f"{share:.1%}" for share in (seen.missing, trained.missing, each.defaults, each.outside))
    index = (number(each.found.psi), number(each.found.by_chance), _grade(each.grade))
    return (each.name, *index, *means, *middles, *shares, ", ".join(models))


def _parts(title: str, parts: Sequence[PartFinding]) -> Iterator[str]:
    yield f"<h2>{title}</h2>"
    head = (
        "",
        "decisions",
        "customers",
        "to watch",
        "drifted",
        "largest shift",
        "PSI",
        "reading",
        "degraded",
    )
    rows = []
    for each in parts:
        name, worst = each.worst
        counts = (f"{each.n_decisions:,}", f"{each.n_customers:,.0f}")
        graded = (str(each.count(Grade.WATCH)), str(each.count(Grade.DRIFT)))
        shift = (name, number(worst.psi), _grade(worst.grade))
        rows.append((each.name, *counts, *graded, *shift, degraded_text(each.degraded)))
    yield html_table(head, rows)


def _grade(grade: Grade) -> Markup:
    return Markup(f'<span class="grade" style="color: {COLOURS[grade]}">{grade}</span>')
