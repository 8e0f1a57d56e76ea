"""A fitted scorer on dates it has not learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats
from training.dataset import Examples
from training.scorers.fit import FittedScorer
from training.scorers.measure import auc, measure_amounts, measure_probabilities
from training.scorers.spec import ScorerSpec


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a scorer said at the test date, what happened, and the measures.

    `metrics` has the test date's under their own names; `later_...` are those of the test date and the weekly ones after it
    pooled (one date of few customers cannot show a small calibration error), `out_of_fold_...` those of the training dates.
    """

    predicted: Floats
    actual: Floats
    metrics: dict[str, float]


def judge(fitted: FittedScorer, tested: Examples, later: Examples) -> Verdict:
    """The verdict on the scorer at its test date, and at that and the later dates pooled."""
    predicted, actual = fitted.predict(tested), fitted.spec.labels(tested)
    metrics = measure(fitted.spec, predicted, actual)
    pooled = measure(fitted.spec, fitted.predict(later), fitted.spec.labels(later))
    metrics |= {f"later_{name}": value for name, value in pooled.items()}
    metrics["later_as_ofs"] = float(len(np.unique(later.as_ofs)))
    metrics |= {f"out_of_fold_{name}": value for name, value in fitted.out_of_fold.items()}
    if fitted.spec.objective == "binary" and "recency_days" in tested.column_names:
        recency = tested.column("recency_days")
        metrics["recency_alone_auc"] = auc(recency if fitted.spec.target == "no_order" else -recency, actual)
    return Verdict(predicted=predicted, actual=actual, metrics=metrics)


def measure(spec: ScorerSpec, predicted: Floats, actual: Floats) -> dict[str, float]:
    """The measures that fit what the scorer predicts."""
    return (measure_amounts if spec.objective == "regression" else measure_probabilities)(predicted, actual)
