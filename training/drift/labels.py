"""The champions' probabilities at live decisions, and what the customers then did: calibration where orders are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from models.feedback import Floats
from training.dataset import Orders, read_orders
from training.drift.distribution import N_BINS, bin_places
from training.drift.monitored import Monitored, MonitoredInput
from training.evaluation.logged_vector import LoggedVector
from training.evaluation.round_labels import microseconds
from training.importing.dataset import read_manifest
from training.scorers.calibration import CalibrationBins

ORDERS_WITHIN: Final = {"purchase_propensity": True, "churn_risk": False}
"""The scorers that give probabilities, and whether of an order within their horizon or of none."""


@dataclass(frozen=True, kw_only=True)
class CalibrationFinding:
    """What a scorer said on average and what happened, over decisions whose horizon lies in the orders.

    error: the expected calibration error over the tenths of training's scores. noise: what a calibrated scorer would show by
    chance, if each decision were another customer's.
    """

    scorer: str
    n_decisions: int
    predicted: float
    actual: float
    error: float
    noise: float


class OrderTimes:
    """When each customer ordered; asked for many customers and times at once."""

    def __init__(self, orders: Orders, known_until: datetime) -> None:
        times = orders.ordered_at.astype(np.int64)
        by_buyer = np.lexsort((times, orders.buyer))
        self._ids = orders.customer_ids
        self._times = times[by_buyer]
        self._starts = np.searchsorted(orders.buyer[by_buyer], np.arange(len(self._ids) + 1))
        self.known_until_us = microseconds(known_until)

    @classmethod
    def read(cls, dataset: Path) -> OrderTimes:
        """Those of a data set, which takes some 50 bytes an order. Raises: `DatasetError`."""
        known_until = datetime.fromisoformat(read_manifest(dataset).ends_at)
        return cls(read_orders(dataset), known_until)

    def ordered(self, customers: Sequence[str], after_us: Sequence[int], within: timedelta) -> Floats:
        """1 for each customer who ordered after the time and within the horizon, else 0, `(n,)`."""
        places = np.searchsorted(self._ids, np.array(customers, dtype=str))
        window_us = within // timedelta(microseconds=1)
        bought = np.zeros(len(customers))
        for row, (place, start_us) in enumerate(zip(places.tolist(), after_us, strict=True)):
            if place < len(self._ids) and self._ids[place] == customers[row]:
                times = self._times[self._starts[place] : self._starts[place + 1]]
                first = int(np.searchsorted(times, start_us, side="right"))
                bought[row] = float(first < len(times) and times[first] <= start_us + window_us)
        return bought


class LabelledScores:
    """One scorer's scores beside what happened, in the bins of training's scores; shown the log chunk by chunk."""

    def __init__(self, *, score: MonitoredInput, within: timedelta, times: OrderTimes) -> None:
        self.name = score.name
        self._digest, self._within, self._times = score.model.digest, within, times
        self._edges = score.model.trained.edges[score.of_model][None]
        self._sums = np.zeros((3, N_BINS + 1))

    def __call__(self, rows: list[LoggedVector]) -> None:
        """Count those that the champion scored and whose horizon lies in the orders."""
        ends_us = self._times.known_until_us - self._within // timedelta(microseconds=1)
        mine = [
            row for row in rows if row.versions.get(self.name) == self._digest and row.decided_at_us < ends_us
        ]
        if not mine:
            return
        predicted = np.array([row.scores[self.name] for row in mine])
        bought = self._times.ordered(
            [row.customer_id for row in mine], [row.decided_at_us for row in mine], self._within
        )
        actual = bought if ORDERS_WITHIN[self.name] else 1 - bought
        places = bin_places(predicted[:, None], self._edges)[:, 0]
        for sums, values in zip(self._sums, (np.ones(len(mine)), predicted, actual), strict=True):
            sums += np.bincount(places, weights=values, minlength=N_BINS + 1)

    @property
    def finding(self) -> CalibrationFinding | None:
        """The calibration; None where no decision is old enough."""
        counts, predicted, actual = (sums[self._sums[0] > 0] for sums in self._sums)
        n = counts.sum()
        if not n:
            return None
        bins = CalibrationBins(
            n_rows=counts.astype(np.int64), mean_predicted=predicted / counts, mean_actual=actual / counts
        )
        return CalibrationFinding(
            scorer=self.name,
            n_decisions=int(n),
            predicted=float(predicted.sum() / n),
            actual=float(actual.sum() / n),
            error=bins.error,
            noise=bins.noise,
        )


def labelled_scores(monitored: Monitored, times: OrderTimes) -> list[LabelledScores]:
    """One for each scorer that gives a probability."""
    scores = [each for each in monitored.inputs if each.is_own_score and each.name in ORDERS_WITHIN]
    return [
        LabelledScores(score=each, within=timedelta(days=each.model.horizon_days), times=times)
        for each in scores
    ]
