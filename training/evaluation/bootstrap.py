"""The bootstrap for logs of any length: every round counts Poisson(1) times in each resample, and the sums add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Floats
from training.evaluation.errors import NoOverlapError

N_RESAMPLES: Final = 1_000
_BLOCK: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Resamples:
    """How many rounds each resample holds, `(n_resamples,)`, and the sums of their terms, `(n_resamples, n_terms)`."""

    sizes: Floats
    sums: Floats

    @classmethod
    def of(cls, terms: Floats, rng: np.random.Generator, n_resamples: int = N_RESAMPLES) -> Resamples:
        """The resamples of these terms, `(n_rounds, n_terms)`.

        Poisson(1) instead of multinomial counts: a round's count then depends on no other round, so nothing but the sums
        need be kept. Costs n_rounds·n_resamples random numbers: with 1,000 resamples 45 s of one core a million rounds.

        Source: Chamandy, Muralidharan, Najmi and Naidu (2012), Estimating Uncertainty for Massive Data Streams; the
        bootstrap is that of Efron (1979).
        """
        sizes, sums = np.zeros(n_resamples), np.zeros((n_resamples, terms.shape[1]))
        for start in range(0, len(terms), _BLOCK):
            block = terms[start : start + _BLOCK]
            counts = rng.poisson(1.0, size=(n_resamples, len(block))).astype(np.float64)
            sizes += counts.sum(axis=1)
            sums += counts @ block
        return cls(sizes=sizes, sums=sums)

    def __add__(self, other: Resamples) -> Resamples:
        return Resamples(sizes=self.sizes + other.sizes, sums=self.sums + other.sums)

    def interval(
        self, value: Callable[[Floats], Floats], weights: list[int], level: float = 0.95
    ) -> tuple[float, float]:
        """The percentile interval of a value of the terms' means; `weights` are the terms that must not vanish.

        Each resample is estimated as a whole, so a ratio is resampled as a ratio and a constant reward has width 0.

        Raises: `NoOverlapError` when a resample carries no weight: the value has no distribution then.
        """
        means = self.sums / np.maximum(self.sizes, 1)[:, None]
        without = int((means[:, weights] == 0).any(axis=1).sum())
        if without:
            raise NoOverlapError(
                f"{without} of {len(means)} resamples carry no weight; too little overlap for a bootstrap"
            )
        low, high = np.quantile(value(means), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)
