"""The population stability index of one input, and what of it chance alone would make."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.special import chdtri

from models.feedback import Floats, Integers

WATCH: Final = 0.1
DRIFT: Final = 0.25
"""From where on a shift is one to look at, and from where on the model should not be trusted: the usual conventions."""

FALSE_ALARM: Final = 1e-4
"""The probability with which one input that did not move at all lies beyond chance."""

_HALF: Final = 0.5


class Grade(StrEnum):
    """What an input's index says."""

    STABLE = "stable"
    WATCH = "watch"
    DRIFT = "drift"
    TOO_FEW = "too few"


@dataclass(frozen=True, kw_only=True)
class Stability:
    """psi: the index. by_chance: its mean if nothing moved. limit: what chance passes once in 1 / `FALSE_ALARM` times."""

    psi: float
    by_chance: float
    limit: float

    @property
    def shift(self) -> float:
        """The index less what chance is expected to make of it; never below 0."""
        return max(self.psi - self.by_chance, 0.0)

    @property
    def grade(self) -> Grade:
        """By the shift, if the index lies beyond chance; else stable, or too few where chance could hide a shift of note."""
        if self.passes(DRIFT):
            return Grade.DRIFT
        if self.passes(WATCH):
            return Grade.WATCH
        return Grade.STABLE if self.limit - self.by_chance <= WATCH else Grade.TOO_FEW

    def passes(self, bound: float) -> bool:
        """Whether the shift is as large as the bound and the index beyond chance."""
        return self.shift >= bound and self.psi > self.limit


def stability(trained: Integers, seen: Integers, *, n_trained: float, n_seen: float) -> Stability:
    """The index Σ_b (a_b - e_b) ln(a_b / e_b) of counts by bin `(B,)`, of training and of the log.

    Shares are (count + 1/2) / (total + B/2), so that an empty bin has a finite one. If nothing moved, the index over
    (1/n + 1/m) is about χ² with B - 1 degrees of freedom. `n_trained` and `n_seen` are numbers of customers where rows are
    more: the same customer's rows say nothing new. Without a row in the log all is nan.
    Source: Siddiqi (2006), Credit Risk Scorecards, for index and bounds; Yurdakul (2018), Statistical Properties of
    Population Stability Index, for its distribution.

    >>> same = stability(np.array([500, 500]), np.array([50, 50]), n_trained=1000, n_seen=100)
    >>> same.psi, round(same.by_chance, 3), str(same.grade)
    (0.0, 0.011, 'too few')
    """
    if not seen.sum():
        return Stability(psi=np.nan, by_chance=np.nan, limit=np.nan)
    expected, actual = _shares(trained), _shares(seen)
    noise, freedom = 1 / n_trained + 1 / n_seen, len(seen) - 1
    return Stability(
        psi=float(((actual - expected) * np.log(actual / expected)).sum()),
        by_chance=float(freedom * noise),
        limit=float(chdtri(freedom, FALSE_ALARM) * noise) if freedom else 0.0,
    )


def _shares(counts: Integers) -> Floats:
    return np.asarray((counts + _HALF) / (counts.sum() + _HALF * len(counts)))
