"""A measured number and what it has to reach, told in one line."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_HOLDS = {"at least": operator.ge, "more than": operator.gt, "at most": operator.le}


@dataclass(frozen=True)
class Target:
    """How the measured number has to stand to the wanted one: "at least", "more than" or "at most"."""

    name: str
    measured: float
    relation: Literal["at least", "more than", "at most"]
    wanted: float

    @property
    def is_reached(self) -> bool:
        """Whether the measured number is good enough; nan never is."""
        return bool(_HOLDS[self.relation](self.measured, self.wanted))

    def is_within(self, tolerance: float) -> bool:
        """Whether it misses by no more than this share of the wanted number; nan always does.

        >>> Target("speed", 0.61, "at least", 0.7).is_within(0.15), Target("p99", 3.6, "at most", 3).is_within(0.15)
        (True, False)
        """
        room = self.wanted * tolerance
        wanted = self.wanted + room if self.relation == "at most" else self.wanted - room
        return bool(_HOLDS[self.relation](self.measured, wanted))

    def __str__(self) -> str:
        verdict = "pass" if self.is_reached else "short"
        return (
            f"{self.name}: measured {self.measured:.4g}, target {self.relation} {self.wanted:.4g}: {verdict}"
        )


def finish(targets: Sequence[Target], *, tolerance: float = 0.0) -> None:
    """Print the targets' lines and end the process: with 1 where one is short, by more than the tolerated share of it."""
    for target in targets:
        print(target)
    sys.exit(0 if all(target.is_within(tolerance) for target in targets) else 1)
