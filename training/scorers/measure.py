"""How good predictions were, in numbers by name."""

from __future__ import annotations

import numpy as np

from models.feedback import Floats
from training.scorers.calibration import calibration_bins

TOP_SHARE = 0.1


def measure_probabilities(p: Floats, y: Floats) -> dict[str, float]:
    """Discrimination and calibration of probabilities of y in {0, 1}."""
    bins = calibration_bins(p, y)
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    return {
        "auc": auc(p, y),
        "log_loss": float(-(y * np.log(clipped) + (1 - y) * np.log1p(-clipped)).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "ece": bins.error,
        "ece_noise": bins.noise,
        "lift_top_10": lift(p, y),
        "mean_predicted": float(p.mean()),
        "mean_actual": float(y.mean()),
        "rows": float(len(y)),
    }


def measure_amounts(predicted: Floats, actual: Floats) -> dict[str, float]:
    """Ranking, error and calibration of predicted amounts; errors in the shop's currency."""
    bins = calibration_bins(predicted, actual)
    return {
        "spearman": float(np.corrcoef(average_ranks(predicted), average_ranks(actual))[0, 1]),
        "gini": gini(predicted, actual),
        "mae": float(np.abs(predicted - actual).mean()),
        "mae_of_the_mean": float(np.abs(actual.mean() - actual).mean()),
        "decile_error": bins.error / float(actual.mean()),
        "lift_top_10": lift(predicted, actual),
        "mean_predicted": float(predicted.mean()),
        "mean_actual": float(actual.mean()),
        "rows": float(len(actual)),
    }


def auc(scores: Floats, y: Floats) -> float:
    """P(score of a 1 > score of a 0) + P(equal) / 2. Raises `ValueError` when one of the two is missing."""
    n_positive = float(y.sum())
    n_negative = len(y) - n_positive
    if not n_positive or not n_negative:
        raise ValueError(f"AUC of {n_positive:.0f} labels of 1 and {n_negative:.0f} of 0 is undefined")
    ranks = average_ranks(scores)[y > 0].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places], dtype=np.float64)


def lift(scores: Floats, actual: Floats, share: float = TOP_SHARE) -> float:
    """Mean actual of the `share` of rows with the highest scores, over the mean of all."""
    top = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return float(actual[top].mean() / actual.mean())


def gini(predicted: Floats, actual: Floats) -> float:
    """The share of the best possible concentration that ordering by the prediction reaches; 1 is the true order, 0 none.

    (A(predicted) - 1/2) / (A(actual) - 1/2), A the area under the cumulated share of the actual amounts, highest first.
    """
    return (_concentration(predicted, actual) - 0.5) / (_concentration(actual, actual) - 0.5)


def _concentration(order_by: Floats, actual: Floats) -> float:
    shares = np.cumsum(actual[np.argsort(-order_by, kind="stable")]) / actual.sum()
    return float((shares.sum() - shares[-1] / 2) / len(actual))
