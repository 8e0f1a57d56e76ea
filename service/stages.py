"""How long each stage of a decision took, for metrics and for whoever asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final, Literal

Stage = Literal["features", "standing", "decide", "log"]
STAGES: Final[tuple[Stage, ...]] = ("features", "standing", "decide", "log")
"""The customer's turn and features; what reading the standing took longer; the decision; until its record is on disk."""


@dataclass
class Stages:
    """Seconds by stage, each from the end of the one before; what is done again adds up."""

    seconds: dict[Stage, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._at = self._began

    def end(self, stage: Stage) -> None:
        """The stage ends now."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._at
        self._at = now

    def since_begin(self) -> float:
        """Seconds since the first stage began."""
        return time.perf_counter() - self._began

    def server_timing(self) -> str:
        """The header `Server-Timing` (W3C), in milliseconds.

        >>> Stages({"features": 0.0012, "log": 0.0105}).server_timing()
        'features;dur=1.20, log;dur=10.50'
        """
        return ", ".join([f"{stage};dur={seconds * 1e3:.2f}" for stage, seconds in self.seconds.items()])
