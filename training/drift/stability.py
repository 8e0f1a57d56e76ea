"""How far one input moved, in its known values and in how often it is missing, and what of it chance alone would make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.special import chdtri, ndtri

from models.feedback import Floats, Integers

WATCH: Final = 0.1
DRIFT: Final = 0.25
"""From where on a shift is one to look at, and from where on the model should not be trusted: the usual conventions."""

FALSE_ALARM: Final = 1e-4
"""About the probability with which one input that did not move at all lies beyond chance."""

_HALF: Final = 0.5


class Grade(StrEnum):
    """What an input's shift says."""

    STABLE = "stable"
    WATCH = "watch"
    DRIFT = "drift"
    TOO_FEW = "too few"


@dataclass(frozen=True, kw_only=True)
class Stability:
    """How far one input moved.

    psi: the index of its known values, nan where the log knows none. by_chance: the index's mean if nothing moved. limit:
    what chance passes once in 1 / `FALSE_ALARM` times. missing_change: by how much the share of missing values grew.
    missing_limit: as limit, of its size.
    """

    psi: float
    by_chance: float
    limit: float
    missing_change: float = 0.0
    missing_limit: float = 0.0

    @property
    def shift(self) -> float:
        """The larger of the index less what chance is expected to make of it, and the change of the missing share."""
        known = 0.0 if math.isnan(self.psi) else self.psi - self.by_chance
        return max(known, abs(self.missing_change), 0.0)

    @property
    def grade(self) -> Grade:
        """By what lies beyond chance; else stable, or too few where chance could hide a shift of note."""
        if self.passes(DRIFT):
            return Grade.DRIFT
        if self.passes(WATCH):
            return Grade.WATCH
        return Grade.STABLE if self.limit - self.by_chance <= WATCH else Grade.TOO_FEW

    def passes(self, bound: float) -> bool:
        """Whether one of the two is as large as the bound and beyond chance."""
        known = self.psi > self.limit and self.psi - self.by_chance >= bound
        return known or self.missing_limit < abs(self.missing_change) >= bound


def stability(trained: Integers, seen: Integers, *, n_trained: float, n_seen: float) -> Stability:
    """Of counts `(B + 1,)` by bin and, last, of missing values, in training and in the log.

    The index is Σ_b (a_b - e_b) ln(a_b / e_b) over the known values. Shares are (count + 1/2) / (total + B/2), so that an
    empty bin has a finite one. If nothing moved, the index over (1/n + 1/m) is about χ² with B - 1 degrees of freedom.
    `n_trained` and `n_seen` are numbers of customers where rows are more: the same customer's rows say nothing new.
    Source: Siddiqi (2006), Credit Risk Scorecards, for index and bounds; Yurdakul (2018), Statistical Properties of
    Population Stability Index, for its distribution.

    >>> same = stability(np.array([500, 500, 0]), np.array([50, 50, 0]), n_trained=1000, n_seen=100)
    >>> same.psi, round(same.by_chance, 3), str(same.grade)
    (0.0, 0.011, 'too few')
    """
    known_trained, known_seen = (n * _known_share(rows) for n, rows in ((n_trained, trained), (n_seen, seen)))
    change, missing_limit = _missing(trained, seen, n_trained, n_seen)
    if not known_seen or not known_trained:
        nothing = {"psi": math.nan, "by_chance": math.nan, "limit": math.nan}
        return Stability(**nothing, missing_change=change, missing_limit=missing_limit)
    expected, actual = _shares(trained[:-1]), _shares(seen[:-1])
    noise, freedom = 1 / known_trained + 1 / known_seen, len(expected) - 1
    return Stability(
        psi=float(((actual - expected) * np.log(actual / expected)).sum()),
        by_chance=freedom * noise,
        limit=float(chdtri(freedom, FALSE_ALARM)) * noise if freedom else 0.0,
        missing_change=change,
        missing_limit=missing_limit,
    )


def _missing(trained: Integers, seen: Integers, n_trained: float, n_seen: float) -> tuple[float, float]:
    """How much the share of missing values grew, and what chance makes of it: normal, the share being that of both."""
    if not n_seen or not n_trained:
        return 0.0, math.inf
    before, now = 1 - _known_share(trained), 1 - _known_share(seen)
    together = (before * n_trained + now * n_seen) / (n_trained + n_seen)
    deviation = math.sqrt(max(together * (1 - together), 0.0) * (1 / n_trained + 1 / n_seen))
    return now - before, float(-ndtri(FALSE_ALARM / 2)) * deviation


def _known_share(counts: Integers) -> float:
    return float(counts[:-1].sum() / max(counts.sum(), 1))


def _shares(counts: Integers) -> Floats:
    return np.asarray((counts + _HALF) / (counts.sum() + _HALF * len(counts)))
