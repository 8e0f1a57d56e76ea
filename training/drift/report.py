"""The drift report as data and as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.drift.finding import InputFinding, PartFinding
from training.drift.labels import CalibrationFinding
from training.drift.row_age import RowAge
from training.drift.stability import Grade

COLOURS: Final = {Grade.STABLE: "green", Grade.WATCH: "yellow", Grade.DRIFT: "red", Grade.TOO_FEW: "cyan"}
SHOWN: Final = 12
"""Inputs that the terminal shows at least."""


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """All that was found: by input (the largest shifts first), by journey and by time, where orders told calibration.

    models: digest, rows and customers of training by name. left_out: decisions that were not compared, by reason. degraded:
    shares of decisions by `VIEW:PROBLEM`.
    """

    log: str
    since: str
    first_at: datetime
    last_at: datetime
    n_decisions: int
    n_customers: float
    left_out: Mapping[str, int]
    models: Mapping[str, Mapping[str, Any]]
    inputs: tuple[InputFinding, ...]
    journeys: tuple[PartFinding, ...]
    times: tuple[PartFinding, ...]
    degraded: Mapping[str, float]
    notes: tuple[str, ...] = ()
    calibrations: tuple[CalibrationFinding, ...] = ()
    ages: tuple[RowAge, ...] = ()

    def past(self, bound: float) -> list[InputFinding]:
        """The inputs whose shift is as large as the bound and beyond chance."""
        return [each for each in self.inputs if each.found.passes(bound)]

    def count(self, grade: Grade) -> int:
        """The number of inputs of that grade."""
        return sum(each.grade == grade for each in self.inputs)

    @property
    def grade(self) -> Grade:
        """The worst that one of its inputs has."""
        return next(
            (grade for grade in (Grade.DRIFT, Grade.WATCH, Grade.TOO_FEW) if self.count(grade)), Grade.STABLE
        )

    def as_json(self) -> dict[str, Any]:
        """The whole report as JSON values; what is not known is null."""
        told = asdict(self)
        told["inputs"] = [{**asdict(each), "grade": each.grade} for each in self.inputs]
        for parts, name in ((self.journeys, "journeys"), (self.times, "times")):
            told[name] = [_part_as_json(each) for each in parts]
        told |= {"first_at": self.first_at.isoformat(), "last_at": self.last_at.isoformat()}
        known: dict[str, Any] = _known({**told, "grade": self.grade})
        return known


def render_drift(report: DriftReport) -> RenderableType:
    """The tables, then the verdict and the notes."""
    verdict = Text(f"Verdict: {report.grade}", style=f"bold {COLOURS[report.grade]}")
    lines = [verdict, Text(f"  {counted_grades(report)}")]
    lines += [Text(f"Note: {note}", style="dim") for note in report.notes]
    tables = [_inputs_table(report), _parts_table("by journey", report.journeys)]
    if len(report.times) > 1:
        tables.append(_parts_table("by time", report.times))
    if report.calibrations:
        rows = map(calibration_row, report.calibrations)
        tables.append(_plain_table("calibration at live decisions", CALIBRATION, rows))
    if report.ages:
        tables.append(
            _plain_table("rows of these customers now, age in days", AGES, map(age_row, report.ages))
        )
    return Group(*tables, *lines)


def title_of(report: DriftReport) -> str:
    """What was compared, in a line."""
    days = " to ".join(sorted({f"{at:%Y-%m-%d}" for at in (report.first_at, report.last_at)}))
    return f"{report.n_decisions:,} decisions about some {report.n_customers:,.0f} customers, {days}"


def counted_grades(report: DriftReport) -> str:
    """How many inputs have each grade, in words."""
    counts = ", ".join(f"{report.count(grade)} {grade}" for grade in Grade if report.count(grade))
    return f"of {len(report.inputs)} inputs of {', '.join(report.models)}: {counts}"


def worst_by_name(inputs: Sequence[InputFinding]) -> list[tuple[InputFinding, tuple[str, ...]]]:
    """Each input once, as it is for the model that it shifted most for, with the models that it is an input of."""
    first: dict[str, InputFinding] = {}
    models: dict[str, list[str]] = {}
    for each in inputs:
        first.setdefault(each.name, each)
        models.setdefault(each.name, []).append(each.model)
    return [(each, tuple(models[name])) for name, each in first.items()]


def number(value: float) -> str:
    """Four digits; nothing for nan."""
    return "" if math.isnan(value) else f"{value:.4g}"


def degraded_text(shares: Mapping[str, float]) -> str:
    """The shares in words, views that were as often missing or stale named together."""
    views: dict[tuple[str, str], list[str]] = {}
    for name, share in shares.items():
        view, _, problem = name.partition(":")
        views.setdefault((problem, f"{share:.1%}"), []).append(view)
    return "; ".join(f"{share} {problem}: {', '.join(named)}" for (problem, share), named in views.items())


def _inputs_table(report: DriftReport) -> Table:
    table = _table(title_of(report))
    table.add_column("input", no_wrap=True)
    table.add_column("PSI", justify="right", no_wrap=True)
    table.add_column("reading", no_wrap=True)
    for name in ("mean", "was", "missing", "outside"):
        table.add_column(name, justify="right", no_wrap=True)
    found = worst_by_name(report.inputs)
    n_shown = max(SHOWN, sum(each.grade in (Grade.WATCH, Grade.DRIFT) for each, _ in found))
    for each, _ in found[:n_shown]:
        seen, trained = each.seen, each.trained
        table.add_row(
            each.name,
            f"{each.found.psi:.2f}",
            Text(str(each.grade), style=COLOURS[each.grade]),
            f"{seen.mean:.3g}",
            f"{trained.mean:.3g}",
            *(f"{share:.0%}" for share in (seen.missing, each.outside)),
        )
    if n_shown < len(found):
        table.caption = f"and {len(found) - n_shown} inputs that shifted less: see the file of --out"
    return table


def _parts_table(title: str, parts: Sequence[PartFinding]) -> Table:
    table = _table(title)
    table.add_column("", no_wrap=True)
    for name in ("decisions", "watch", "drift", "degraded"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("largest shift", no_wrap=True)
    for each in parts:
        name, worst = each.worst
        table.add_row(
            each.name,
            f"{each.n_decisions:,}",
            *(str(each.count(grade)) for grade in (Grade.WATCH, Grade.DRIFT)),
            f"{each.n_degraded / each.n_decisions:.0%}",
            f"{name} {worst.psi:.2f}",
        )
    return table


CALIBRATION: Final = ("scorer", "decisions", "said", "happened", "error", "by chance")


def calibration_row(found: CalibrationFinding) -> tuple[str, ...]:
    """Its texts under the headings of `CALIBRATION`."""
    numbers = (found.predicted, found.actual, found.error, found.noise)
    return (found.scorer, f"{found.n_decisions:,}", *(f"{each:.4f}" for each in numbers))


AGES: Final = ("view", "asked", "with a row", "median", "95 %", "oldest", "limit", "stale")


def age_row(found: RowAge) -> tuple[str, ...]:
    """Its texts under the headings of `AGES`."""
    days = (found.median_days, found.late_days, found.oldest_days, found.freshness_days)
    return (found.view, f"{found.asked:,}", f"{found.found:,}", *map(number, days), f"{found.stale:.1%}")


def _plain_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Texts, the first of each row to the left."""
    table = _table(title)
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _table(title: str) -> Table:
    """One that shows numbers whole in 80 columns."""
    return Table(title=f"\n{title}", title_justify="left", box=None, padding=(0, 2, 0, 0))


def _part_as_json(part: PartFinding) -> dict[str, Any]:
    told = asdict(part)
    told["found"] = [
        {"model": model, "name": name, **asdict(each), "grade": each.grade}
        for (model, name), each in part.found.items()
    ]
    return told


def _known(value: Any) -> Any:
    """The same with None for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(key): _known(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
