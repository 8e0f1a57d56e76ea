"""Lines as SVG: where each point is, in a picture of fixed size; what it shows stands in a table beside it as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from service.console.reward_sums import Estimate

WIDTH: Final = 640.0
HEIGHT: Final = 180.0
_STEPS: Final = 4


@dataclass(frozen=True)
class Line:
    """A series by name, as the path of an SVG; `band`: the outline of what lies between its bounds, empty without."""

    name: str
    path: str
    band: str = ""


@dataclass(frozen=True)
class Tick:
    """A value on an axis and where it is."""

    value: float
    at: float


@dataclass(frozen=True)
class Chart:
    """Lines over the same places, the values at the grid's heights, and how high 0 is."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    zero_at: float


Values = Sequence[float | None]
Bounds = Sequence[tuple[float, float] | None]


def line_chart(series: Mapping[str, Values], bounds: Mapping[str, Bounds] | None = None) -> Chart | None:
    """Lines through the values of each series, evenly spaced from left to right; gaps where a value is unknown.

    bounds: low and high of each value, for series that have them. None where no series has two values.
    """
    bounds = bounds or {}
    if max((sum(value is not None for value in values) for values in series.values()), default=0) < 2:
        return None
    known = [value for values in series.values() for value in values if value is not None]
    known += [value for pairs in bounds.values() for pair in pairs if pair is not None for value in pair]
    low, span = extent(known)
    lines = tuple(
        Line(name, _path(values, low, span), _band(bounds.get(name, ()), low, span))
        for name, values in series.items()
    )
    ticks = tuple(Tick(value, _height(value, low, span)) for value in grid(low, span))
    return Chart(lines, ticks, _height(0.0, low, span))


def extent(values: Iterable[float]) -> tuple[float, float]:
    """Where an axis begins and how far it goes, 0 and all values on it.

    >>> extent([2.0, 3.0]), extent([0.0])
    ((0.0, 3.0), (0.0, 1.0))
    """
    known = [0.0, *values]
    return min(known), (max(known) - min(known)) or 1.0


def grid(low: float, span: float) -> list[float]:
    """The values that an axis names.

    >>> grid(0.0, 2.0)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    return [low + span * step / _STEPS for step in range(_STEPS + 1)]


def estimate_chart(series: Mapping[str, Sequence[Estimate | None]]) -> Chart | None:
    """Lines through estimates, each with the band of its intervals."""
    values = {
        name: [None if each is None else each.value for each in found] for name, found in series.items()
    }
    bounds = {
        name: [None if each is None else each.bounds for each in found] for name, found in series.items()
    }
    return line_chart(values, bounds)


def measured_chart(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, tuple[str, str, str]]
) -> Chart | None:
    """A line by name through a column of a measure's rows, with the band between two others: its value, low and high."""
    told = list(rows)
    values = {name: [row[value] for row in told] for name, (value, _, _) in columns.items()}
    bounds = {
        name: [None if None in (row[low], row[high]) else (row[low], row[high]) for row in told]
        for name, (_, low, high) in columns.items()
    }
    return line_chart(values, bounds)


def _path(values: Sequence[float | None], low: float, span: float) -> str:
    """The path through the values.

    >>> _path([0, 1, None, 1], 0, 1)
    'M0.0 180.0L213.3 0.0M640.0 0.0'
    """
    gap, parts, command = WIDTH / max(len(values) - 1, 1), list[str](), "M"
    for place, value in enumerate(values):
        if value is None:
            command = "M"
            continue
        parts.append(f"{command}{place * gap:.1f} {_height(value, low, span):.1f}")
        command = "L"
    return "".join(parts)


def _band(pairs: Bounds, low: float, span: float) -> str:
    """The outlines between low and high of each unbroken run.

    >>> _band([(0, 1), (0, 1), None], 0, 1)
    'M0.0 180.0L320.0 180.0L320.0 0.0L0.0 0.0Z'
    """
    gap, parts = WIDTH / max(len(pairs) - 1, 1), list[str]()
    for known, run in groupby(enumerate(pairs), key=lambda each: each[1] is not None):
        placed = [(place * gap, pair) for place, pair in run if pair is not None]
        if known and len(placed) > 1:
            below = [f"{at:.1f} {_height(pair[0], low, span):.1f}" for at, pair in placed]
            above = [f"{at:.1f} {_height(pair[1], low, span):.1f}" for at, pair in reversed(placed)]
            parts.append(f"M{'L'.join([*below, *above])}Z")
    return "".join(parts)


def _height(value: float, low: float, span: float) -> float:
    return HEIGHT - HEIGHT * (value - low) / span
