"""A judgement as one HTML file: no network, no script, pictures inside as SVG; the verdict first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from training.evaluation.estimator import Estimate
from training.evaluation.evaluation import Evaluation, Undefined
from training.evaluation.html_page import Markup, html_notes, html_number, html_page, html_table
from training.evaluation.judgement import Judgement, SliceFinding
from training.evaluation.picture import BLUE, Bar, interval_picture, weight_picture
from training.evaluation.report import diagnostic_rows, reading_of
from training.evaluation.verdict import Grade, judge_estimate

COLOURS: Final = {Grade.CONCLUDE: "#2f855a", Grade.WEAK: "#b7791f", Grade.REFUSE: "#c53030"}
_MEANING: Final = {
    Grade.CONCLUDE: "the log can carry a conclusion",
    Grade.WEAK: "a hint, not a conclusion",
    Grade.REFUSE: "do not conclude anything from these estimates",
}


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What was judged on which log, against which other policy (empty: none), what was asked, and notes of the log."""

    policy: str
    log: str
    against: str = ""
    about: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write_html(found: Judgement, heading: Heading) -> str:
    """The whole page."""
    return html_page(f"{heading.policy} on {heading.log}", _sections(found, heading))


def _sections(found: Judgement, heading: Heading) -> Iterator[str]:
    yield _verdict(found.evaluation)
    if heading.about:
        yield html_table(("", ""), heading.about.items())
    yield "<h2>Diagnostics</h2>" + html_table(("", ""), diagnostic_rows(found.evaluation.diagnostics))
    yield from _estimates(found)
    if found.differences:
        yield from _differences(found, heading)
    yield from _weights(found)
    yield from _actions(found)
    if found.slices:
        yield from _slices(found)
    if heading.notes:
        yield html_notes(heading.notes)


def _verdict(evaluation: Evaluation) -> str:
    verdict = evaluation.verdict
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict.reasons)
    colour = COLOURS[verdict.grade]
    return (
        f'<div class="verdict" style="border-color: {colour}"><b style="color: {colour}">Verdict: {verdict.grade}</b>, '
        f"{_MEANING[verdict.grade]}<ul>{reasons}</ul></div>"
    )


def _estimates(found: Judgement) -> Iterator[str]:
    evaluation = found.evaluation
    how = f"percentile bootstrap of {found.n_resamples:,} resamples" if found.n_resamples else "linearised"
    yield f"<h2>Estimates of the policy's value</h2><p>Reward per round, {found.level:.0%} intervals ({how}). Dashed: the "
    yield f"mean logged reward, {evaluation.diagnostics.mean_reward:.4g}. Colours are the readings of the rows.</p>"
    bars: list[Bar] = []
    rows: list[tuple[str, ...]] = []
    for each in evaluation.estimates:
        if isinstance(each, Undefined):
            rows.append((each.estimator, "undefined", "", "", "", "", _grade(Grade.REFUSE), each.reason))
            continue
        reading = judge_estimate(each, evaluation.verdict)
        bars.append(_bar(each.estimator, each, COLOURS[reading.grade]))
        numbers = (each.value, each.standard_error, each.low, each.high)
        effective = f"{each.effective_sample_size:,.0f}"
        reasons = ", ".join(reading.reasons)
        rows.append((each.estimator, *map(html_number, numbers), effective, _grade(reading.grade), reasons))
    yield interval_picture(bars, "reward per round", evaluation.diagnostics.mean_reward)
    yield html_table(("estimator", "value", "std. error", "low", "high", "ESS", "reading", "because"), rows)
    if found.bernstein is not None:
        low, high = found.bernstein
        yield f"<p>Without assuming normality (empirical Bernstein, ips): {low:.4g} to {high:.4g}.</p>"


def _differences(found: Judgement, heading: Heading) -> Iterator[str]:
    yield f"<h2>{escape(heading.policy)} less {escape(heading.against)}, on the same rounds</h2>"
    bars = [
        Bar(name=each.estimator, value=each.value, low=each.low, high=each.high) for each in found.differences
    ]
    yield interval_picture(bars, "difference in reward per round", 0.0)
    rows = [
        (
            each.estimator,
            *map(html_number, (each.first, each.second, each.value, each.low, each.high)),
            reading_of(each),
        )
        for each in found.differences
    ]
    yield html_table(
        ("estimator", heading.policy, heading.against, "difference", "low", "high", "reading"), rows
    )


def _weights(found: Judgement) -> Iterator[str]:
    weights = found.weights
    yield "<h2>Weights</h2>"
    yield f"<p>{weights.n_zero:,} of {weights.n_rounds:,} rounds carry no weight: the policy would not have acted so.</p>"
    yield weight_picture(weights)


def _actions(found: Judgement) -> Iterator[str]:
    yield "<h2>Logged reward by action</h2><p>As logged: it compares actions only as far as they were given at random.</p>"
    named = sorted(found.actions, key=lambda each: -each.n_rounds)[:MOST_ROWS]
    bars = [Bar(name=each.action, value=each.mean, low=each.low, high=each.high) for each in named]
    yield interval_picture(bars, "mean logged reward", found.evaluation.diagnostics.mean_reward)
    rows = [
        (each.action, f"{each.n_rounds:,}", *map(html_number, (each.mean, each.low, each.high)))
        for each in named
    ]
    yield html_table(("action", "rounds", "mean reward", "low", "high"), rows)
    if len(found.actions) > MOST_ROWS:
        yield f"<p>The {MOST_ROWS} most frequent of {len(found.actions)} actions.</p>"


MOST_ROWS: Final = 30


def _slices(found: Judgement) -> Iterator[str]:
    yield "<h2>Slices</h2><p>The policy's value on parts of the log, doubly robust. Of many, some stand out by chance.</p>"
    bars = [_bar(each.name, each.estimate) for each in found.slices if isinstance(each.estimate, Estimate)]
    yield interval_picture(bars, "reward per round (dr)", found.evaluation.diagnostics.mean_reward)
    head = ("slice", "rounds", "mean logged", "value", "low", "high", "ESS")
    compared = bool(found.differences)
    rows = [_slice_row(each, compared) for each in found.slices]
    yield html_table((*head, "difference", "low", "high", "reading") if compared else head, rows)


def _slice_row(each: SliceFinding, compared: bool) -> tuple[str, ...]:
    row: tuple[str, ...] = (each.name, f"{each.n_rounds:,}", html_number(each.mean_reward))
    if isinstance(each.estimate, Undefined):
        row += ("undefined", "", "", "")
    else:
        bounds = map(html_number, (each.estimate.value, each.estimate.low, each.estimate.high))
        row += (*bounds, f"{each.estimate.effective_sample_size:,.0f}")
    if not compared:
        return row
    if each.difference is None:
        return (*row, "undefined", "", "", "")
    numbers = (each.difference.value, each.difference.low, each.difference.high)
    return (*row, *map(html_number, numbers), reading_of(each.difference))


def _bar(name: str, estimate: Estimate, colour: str = BLUE) -> Bar:
    return Bar(name=name, value=estimate.value, low=estimate.low, high=estimate.high, colour=colour)


def _grade(grade: Grade) -> Markup:
    return Markup(f'<span class="grade" style="color: {COLOURS[grade]}">{grade}</span>')
