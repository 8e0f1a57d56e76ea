"""What is counted of decisions as they stream by: sums that add up, whatever their number."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.feedback import Booleans, Floats, Integers
from training.drift.distribution import count_bins
from training.drift.monitored import Monitored, SeenValues

SEATS: Final = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Sums over some decisions: of each input `(n_inputs, ...)`, of degraded views, and of whom they were about.

    counts `(n_inputs, N_BINS + 1)` by bin, totals of known values, outside: values beyond those of training. degraded: by
    `VIEW:PROBLEM`, and in n_degraded decisions with any. seats `(SEATS,)`: which were taken by a customer.
    """

    n_decisions: int
    counts: Integers
    totals: Floats
    outside: Integers
    degraded: Counter[str]
    n_degraded: int
    seats: Booleans

    @classmethod
    def of(cls, monitored: Monitored, seen: SeenValues, chosen: NDArray[np.intp]) -> Tally:
        """The sums of the chosen ones of these decisions."""
        inputs = monitored.inputs
        values = seen.values[chosen][:, [each.of_values for each in inputs]]
        lowest, highest = (
            np.array([each.model.trained.quantiles[each.of_model, end] for each in inputs]) for end in (0, -1)
        )
        counted = seen.counted[chosen]
        beyond = ((values < lowest) | (values > highest)) & counted
        seats = np.zeros(SEATS, dtype=np.bool_)
        for name in seen.customers[chosen]:
            seats[zlib.crc32(name.encode()) % SEATS] = True
        return cls(
            n_decisions=len(chosen),
            counts=count_bins(seen.places[chosen], counted),
            totals=np.where(counted, np.nan_to_num(values), 0.0).sum(axis=0),
            outside=beyond.sum(axis=0),
            degraded=Counter(problem for place in chosen for problem in seen.degraded[place]),
            n_degraded=sum(bool(seen.degraded[place]) for place in chosen),
            seats=seats,
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            n_decisions=self.n_decisions + other.n_decisions,
            counts=self.counts + other.counts,
            totals=self.totals + other.totals,
            outside=self.outside + other.outside,
            degraded=self.degraded + other.degraded,
            n_degraded=self.n_degraded + other.n_degraded,
            seats=self.seats | other.seats,
        )

    @property
    def n_customers(self) -> float:
        """About how many customers, from the share of free seats -s ln(free / s); at most the decisions.

        Within 2 % up to 200,000 customers; beyond 700,000 it stays there, where it no longer matters.
        Source: Whang, Vander-Zanden and Taylor (1990), A linear-time probabilistic counting algorithm.
        """
        free = max(int(SEATS - self.seats.sum()), 1)
        return min(-SEATS * float(np.log(free / SEATS)), float(self.n_decisions))
