"""How the importance weights are spread: counts on a fixed logarithmic grid, so that those of shards add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Floats

EDGES: Final = 10.0 ** (np.arange(-32, 33) / 8)
"""Bin edges from 1e-4 to 1e4, eight a decade; the outer bins take what lies beyond."""


@dataclass(frozen=True, kw_only=True)
class WeightHistogram:
    """Rounds of weight 0, and by bin of `EDGES` the number of rounds and their summed weight, `(n_bins,)` each."""

    n_rounds: int
    n_zero: int
    counts: Floats
    sums: Floats

    @classmethod
    def of(cls, weights: Floats) -> WeightHistogram:
        """The histogram of these weights."""
        positive = weights[weights > 0]
        places = np.clip(np.searchsorted(EDGES, positive, side="right") - 1, 0, len(EDGES) - 2)
        n_bins = len(EDGES) - 1
        return cls(
            n_rounds=len(weights),
            n_zero=len(weights) - len(positive),
            counts=np.bincount(places, minlength=n_bins).astype(np.float64),
            sums=np.bincount(places, positive, n_bins).astype(np.float64),
        )

    def __add__(self, other: WeightHistogram) -> WeightHistogram:
        return WeightHistogram(
            n_rounds=self.n_rounds + other.n_rounds,
            n_zero=self.n_zero + other.n_zero,
            counts=self.counts + other.counts,
            sums=self.sums + other.sums,
        )

    def filled(self) -> slice:
        """The bins from the first to the last that holds a round; empty where no round has weight."""
        places = np.flatnonzero(self.counts)
        return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)
