"""What is said of a decision log beside its rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.feedback import Floats
from models.sample_ratio import SampleRatio


@dataclass(frozen=True, kw_only=True)
class RewardDelay:
    """Hours from when a decision takes effect to the outcome that earns: half came within median, 95 % within late."""

    n_outcomes: int
    median_hours: float
    late_hours: float

    @classmethod
    def of(cls, hours: Floats) -> RewardDelay | None:
        """The delay of these outcomes, None where there are none."""
        if len(hours) == 0:
            return None
        median, late = np.quantile(hours, [0.5, 0.95])
        return cls(n_outcomes=len(hours), median_hours=float(median), late_hours=float(late))


@dataclass(frozen=True, kw_only=True)
class LogSummary:
    """What a reader must know of a decision log's rounds: how many of what, which decisions are not among them and why.

    n_left_out by reason; n_by_journey by (journey, kind of reward). closed_until_us: the latest moment before which no
    decision's window was open; rewards: the rounds' rewards as the rules of each journey declared them. sample_ratios:
    customers by group of each journey whose shares stayed the same; delay: None where no decisive outcome came in.
    """

    n_left_out: dict[str, int]
    n_by_journey: dict[tuple[str, str], int]
    closed_until_us: int = 0
    rewards: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    sample_ratios: tuple[SampleRatio, ...] = ()
    delay: RewardDelay | None = None

    @property
    def faults(self) -> tuple[str, ...]:
        """Why no policy can be judged by the log; none as a rule."""
        return tuple(filter(None, (ratio.fault for ratio in self.sample_ratios)))
