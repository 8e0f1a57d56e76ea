"""A scorer fitted to examples: a booster, what calibrates it, and the artifact that both make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from models.artifact import Artifact
from models.feedback import Floats, Integers
from models.scorer import KIND, MODEL, calibrated
from training.dataset import Examples
from training.drift.distribution import InputDistributions
from training.scorers.calibration import customer_folds, fit_platt
from training.scorers.measure import measure_amounts, measure_probabilities
from training.scorers.spec import ScorerSpec

N_FOLDS = 4
CALIBRATION_AS_OFS = 4
"""Probabilities are calibrated on the newest training dates: a drift in the share of buyers is mostly one in b."""

TWEEDIE_POWER = 1.5


@dataclass(frozen=True, kw_only=True)
class FittedScorer:
    """A booster as text, the columns it reads, its Platt scaling, gain by column, and its out-of-fold measures.

    trained_on: how its columns, and under its own name its out-of-fold scores, were distributed over the examples.
    """

    spec: ScorerSpec
    column_names: tuple[str, ...]
    model: str
    calibration: tuple[float, float] | None
    importance: dict[str, float]
    out_of_fold: dict[str, float]
    trained_on: InputDistributions

    def artifact(self, facts: dict[str, Any]) -> Artifact:
        """The scorer as `models.scorer.load_scorer` reads it, `facts` beside what it needs."""
        manifest = {
            **facts,
            "kind": KIND,
            "name": self.spec.name,
            "objective": self.spec.objective,
            "horizon_days": self.spec.horizon_days,
            "feature_names": list(self.column_names),
            "calibration": list(self.calibration) if self.calibration else None,
        }
        return self.trained_on.carried_by(Artifact(manifest, texts={MODEL: self.model}))

    def predict(self, examples: Examples) -> Floats:
        """Scores of examples that have (at least) the scorer's columns, `(n_rows,)`."""
        raw = _raw(lightgbm.Booster(model_str=self.model), _matrix(examples, self.column_names), self.spec)
        return raw if self.calibration is None else _sigmoid(raw, self.calibration)


def fit_scorer(spec: ScorerSpec, examples: Examples) -> FittedScorer:
    """The scorer fitted to all examples, its probabilities calibrated on margins of customers left out, at the newest dates.

    Folds are by customer, so that no customer's other dates tell of the one predicted. Columns that hold one value only
    are left out. The same examples give the same bytes.
    """
    column_names = _varying(examples)
    rows, labels = _matrix(examples, column_names), spec.labels(examples)
    folds = customer_folds(examples.customer_ids, N_FOLDS)
    left_out = _out_of_fold(spec, rows, labels, folds, column_names)
    booster = _boost(spec, rows, labels, column_names)
    newest = examples.as_ofs >= np.unique(examples.as_ofs)[-CALIBRATION_AS_OFS:][0]
    calibration = fit_platt(left_out[newest], labels[newest]) if spec.objective == "binary" else None
    scores = left_out if calibration is None else _sigmoid(left_out, calibration)
    gains = booster.feature_importance(importance_type="gain")
    return FittedScorer(
        spec=spec,
        column_names=column_names,
        model=booster.model_to_string(),
        calibration=calibration,
        importance={name: float(gain) for name, gain in zip(column_names, gains, strict=True)},
        out_of_fold=(measure_amounts if calibration is None else measure_probabilities)(scores, labels),
        trained_on=InputDistributions.of(
            (*column_names, spec.name),
            np.column_stack([rows, scores]),
            len(np.unique(examples.customer_ids)),
        ),
    )


def _out_of_fold(
    spec: ScorerSpec, rows: Floats, labels: Floats, folds: Integers, column_names: tuple[str, ...]
) -> Floats:
    raw = np.empty(len(labels))
    for fold in range(N_FOLDS):
        out = folds == fold
        raw[out] = _raw(_boost(spec, rows[~out], labels[~out], column_names), rows[out], spec)
    return raw


def _boost(spec: ScorerSpec, rows: Floats, labels: Floats, column_names: tuple[str, ...]) -> lightgbm.Booster:
    objective = "binary" if spec.objective == "binary" else "tweedie"
    parameters = spec.settings.parameters(objective)
    if objective == "tweedie":
        parameters["tweedie_variance_power"] = TWEEDIE_POWER
    data = lightgbm.Dataset(rows, labels, feature_name=list(column_names), params=parameters)
    return lightgbm.train(parameters, data, spec.settings.rounds)


def _raw(booster: lightgbm.Booster, rows: Floats, spec: ScorerSpec) -> Floats:
    return np.asarray(
        booster.predict(rows, raw_score=spec.objective == "binary", num_threads=1), dtype=np.float64
    )


def _sigmoid(margins: Floats, calibration: tuple[float, float]) -> Floats:
    return np.array([calibrated(margin, calibration) for margin in margins.tolist()], dtype=np.float64)


def _matrix(examples: Examples, column_names: tuple[str, ...]) -> Floats:
    places = [examples.column_names.index(name) for name in column_names]
    return np.ascontiguousarray(examples.vectors[:, places])


def _varying(examples: Examples) -> tuple[str, ...]:
    """A column is worth reading when it holds more than one value, nan being one."""
    return tuple(
        name
        for name, column in zip(examples.column_names, examples.vectors.T, strict=True)
        if len(np.unique(column)) > 1
    )
