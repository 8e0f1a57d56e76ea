"""The wheel's picture: its sectors, and how far it has turned when it stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

RADIUS: Final = 100.0
_LABEL_AT: Final = 0.66


@dataclass(frozen=True)
class Sector:
    """One of the wheel's equal sectors: its outline, and where its label is and how it is turned, in degrees."""

    amount: int
    outline: str
    x: float
    y: float
    turned: float


def sectors(amounts: Sequence[int]) -> list[Sector]:
    """The sectors clockwise from the top, around (0, 0)."""
    step = 2 * math.pi / len(amounts)
    found = []
    for place, amount in enumerate(amounts):
        start, middle = place * step, (place + 0.5) * step
        (x0, y0), (x1, y1) = _point(start, RADIUS), _point(start + step, RADIUS)
        wide = int(step > math.pi)
        outline = f"M0 0L{x0:.2f} {y0:.2f}A{RADIUS:g} {RADIUS:g} 0 {wide} 1 {x1:.2f} {y1:.2f}Z"
        x, y = _point(middle, RADIUS * _LABEL_AT)
        found.append(Sector(amount, outline, round(x, 2), round(y, 2), round(math.degrees(middle), 2)))
    return found


def stops_at(amounts: Sequence[int], amount: int) -> float:
    """How far, in degrees, the wheel is turned when the middle of this amount's sector is at the top.

    >>> stops_at((0, 10, 20, 30), 10)
    225.0
    """
    return 360.0 - 360.0 * (amounts.index(amount) + 0.5) / len(amounts)


def _point(angle: float, radius: float) -> tuple[float, float]:
    return radius * math.sin(angle), -radius * math.cos(angle)
