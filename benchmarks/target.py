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
        return _HOLDS[self.relation](self.measured, self.wanted)

    def __str__(self) -> str:
        verdict = "pass" if self.is_reached else "short"
        return (
            f"{self.name}: measured {self.measured:.4g}, target {self.relation} {self.wanted:.4g}: {verdict}"
        )


def finish(targets: Sequence[Target]) -> None:
    """Print the targets' lines and end the process: with 1 where one is short."""
    for target in targets:
        print(target)
    sys.exit(0 if all(target.is_reached for target in targets) else 1)
