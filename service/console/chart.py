"""Lines as SVG: where each point is, in a picture of fixed size; what it shows stands in a table beside it as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640.0
HEIGHT: Final = 180.0
_STEPS: Final = 4


@dataclass(frozen=True)
class Line:
    """A series by name, as the path of an SVG."""

    name: str
    path: str


@dataclass(frozen=True)
class Tick:
    """A value on an axis and where it is."""

    value: float
    at: float


@dataclass(frozen=True)
class Chart:
    """Lines over the same places, and the values at the grid's heights."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]


def line_chart(series: Mapping[str, Sequence[float | None]]) -> Chart | None:
    """Lines through the values of each series, evenly spaced from left to right; gaps where a value is unknown.

    None where no series has two values.
    """
    known = [value for values in series.values() for value in values if value is not None]
    if not known or max(sum(value is not None for value in values) for values in series.values()) < 2:
        return None
    low, high = min(0.0, *known), max(known)
    span = (high - low) or 1.0
    lines = tuple(Line(name, _path(values, low, span)) for name, values in series.items())
    ticks = (low + span * step / _STEPS for step in range(_STEPS + 1))
    return Chart(lines, tuple(Tick(value, _height(value, low, span)) for value in ticks))


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


def _height(value: float, low: float, span: float) -> float:
    return HEIGHT - HEIGHT * (value - low) / span
