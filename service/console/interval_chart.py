"""Values on their intervals as SVG, one below the other; what it shows stands in a table beside it as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from service.console.chart import WIDTH, Tick, extent, grid

ROW: Final = 34.0
"""Height of one value's row."""


@dataclass(frozen=True)
class Mark:
    """A value by name, and where it and its bounds are."""

    name: str
    low: float
    at: float
    high: float
    y: float


@dataclass(frozen=True)
class IntervalChart:
    """The marks, the values below them and the picture's height."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    height: float


def interval_chart(rows: Iterable[Mapping[str, Any]], name: str, value: str) -> IntervalChart | None:
    """The rows that know their `value`, `low` and `high`, under what the column `name` calls them.

    None where there is none. From 0 or the lowest bound to the highest.
    """
    known = [row for row in rows if None not in (row[value], row["low"], row["high"])]
    if not known:
        return None
    least, span = extent([row[bound] for row in known for bound in ("low", "high")])

    def place(number: float) -> float:
        return float(round(WIDTH * (number - least) / span, 1))

    marks = tuple(
        Mark(row[name], place(row["low"]), place(row[value]), place(row["high"]), ROW * (index + 0.5))
        for index, row in enumerate(known)
    )
    ticks = tuple(Tick(each, place(each)) for each in grid(least, span))
    return IntervalChart(marks, ticks, ROW * len(known))
