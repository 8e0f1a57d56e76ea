"""Margins into probabilities, and how far probabilities are from what happened."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.feedback import Floats, Integers

N_BINS = 10


def customer_folds(customer_ids: NDArray[Any], n_folds: int) -> Integers:
    """The fold of each row, `(n_rows,)`: every row of a customer in the same one, whatever rows there are."""
    ids, places = np.unique(customer_ids, return_inverse=True)
    folds = np.array([zlib.crc32(str(customer).encode()) % n_folds for customer in ids], dtype=np.int64)
    return folds[places]


def fit_platt(margins: Floats, labels: Floats) -> tuple[float, float]:
    """(a, b) that make 1 / (1 + exp(-(a·z + b))) most likely, by Newton's method.

    The labels are smoothed as Platt does, (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2), so that separable margins have a finite
    answer.
    Raises `ValueError` when there is only one kind of label.
    Source: Platt (1999), Probabilistic Outputs for Support Vector Machines, section 2.2.
    """
    n_positive = float(labels.sum())
    n_negative = len(labels) - n_positive
    if not n_positive or not n_negative:
        raise ValueError(
            f"{n_positive:.0f} labels of 1 and {n_negative:.0f} of 0: both are needed to calibrate"
        )
    targets = np.where(labels > 0, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    design = np.stack([margins, np.ones_like(margins)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(100):
        step = _newton_step(design, targets, weights)
        weights = weights + step
        if np.abs(step).max() < 1e-10:
            break
    return float(weights[0]), float(weights[1])


def _newton_step(design: Floats, targets: Floats, weights: Floats) -> Floats:
    p = 1 / (1 + np.exp(-(design @ weights)))
    hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-12 * np.eye(2)
    return np.asarray(np.linalg.solve(hessian, design.T @ (targets - p)))


@dataclass(frozen=True, kw_only=True)
class CalibrationBins:
    """Rows in bins of equal numbers by ascending prediction: `(n_bins,)` each."""

    n_rows: Integers
    mean_predicted: Floats
    mean_actual: Floats

    @property
    def error(self) -> float:
        """Σ_b (n_b / n) |mean predicted_b - mean actual_b|: for probabilities the expected calibration error."""
        gaps = np.abs(self.mean_predicted - self.mean_actual)
        return float((self.n_rows * gaps).sum() / self.n_rows.sum())

    @property
    def noise(self) -> float:
        """The error that perfectly calibrated probabilities would show at these numbers of rows, by chance alone.

        Σ_b (n_b / n) sqrt(2 p_b (1 - p_b) / (π n_b)): the mean absolute deviation of a bin's share about its p_b, in the
        normal approximation. Rows of one customer at several dates are dependent, so then it is a lower bound.
        """
        p = self.mean_predicted
        deviations = np.sqrt(2 * p * (1 - p) / (np.pi * self.n_rows))
        return float((self.n_rows * deviations).sum() / self.n_rows.sum())


def calibration_bins(predicted: Floats, actual: Floats, n_bins: int = N_BINS) -> CalibrationBins:
    """The bins of `n_bins` equal masses; the order of equal predictions is that of the rows."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), min(n_bins, len(predicted)))
    return CalibrationBins(
        n_rows=np.array([len(part) for part in parts], dtype=np.int64),
        mean_predicted=np.array([predicted[part].mean() for part in parts]),
        mean_actual=np.array([actual[part].mean() for part in parts]),
    )
