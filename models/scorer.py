"""Gradient-boosted scorers and reward models. The only module that imports LightGBM."""

from __future__ import annotations

import ctypes
import threading
import weakref
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import lightgbm
import numpy as np

from models.artifact import Artifact, ArtifactError
from models.feedback import Floats, LoggedFeedback

KIND = "scorer"
MODEL = "model.lgb"


@dataclass(frozen=True)
class Scorer:
    """A booster over named columns of the feature vector, and what turns its raw output into an answer.

    With `calibration` (a, b) the score is a probability, 1 / (1 + exp(-(a·z + b))) of the booster's raw margin z (Platt
    scaling); without, it is the booster's own prediction. `columns` are indices into the feature vector.
    Source of the scaling: Platt (1999), Probabilistic Outputs for Support Vector Machines.
    """

    name: str
    booster: lightgbm.Booster
    columns: np.ndarray[Any, np.dtype[np.intp]]
    calibration: tuple[float, float] | None

    def score_many(self, vectors: Floats) -> Floats:
        """Scores `(n_rows,)` of feature vectors `(n_rows, n_columns)`; nan is a value of its own to the trees."""
        rows = np.ascontiguousarray(vectors[:, self.columns])
        raw = self.booster.predict(rows, raw_score=self.calibration is not None, num_threads=1)
        return self._calibrated(np.asarray(raw, dtype=np.float64))

    def score(self, vector: Floats) -> float:
        """The score of one feature vector `(n_columns,)`: that of `score_many` to the bit, in a third of the time."""
        return float(self._calibrated(self._one_row.predict(vector[self.columns]))[0])

    @cached_property
    def _one_row(self) -> _OneRow:
        return _OneRow(self.booster, len(self.columns), raw_score=self.calibration is not None)

    def _calibrated(self, predictions: Floats) -> Floats:
        if self.calibration is None:
            return predictions
        a, b = self.calibration
        return np.asarray(1 / (1 + np.exp(-(a * predictions + b))))


class _OneRow:
    """A booster's prediction of one row by LightGBM's C function for that, which parses no parameters at each call.

    One call at a time: LightGBM keeps what it prepared, and the row and the prediction are always in the same places.
    """

    def __init__(self, booster: lightgbm.Booster, n_columns: int, *, raw_score: bool) -> None:
        library = lightgbm.basic._LIB
        kind = lightgbm.basic._C_API_PREDICT_RAW_SCORE if raw_score else lightgbm.basic._C_API_PREDICT_NORMAL
        self._booster = booster  # what is prepared points into it
        self._row, self._prediction = np.empty(n_columns), np.empty(1)
        self._lock = threading.Lock()
        prepared = ctypes.c_void_p()
        _checked(
            library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle,
                ctypes.c_int(kind),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(lightgbm.basic._C_API_DTYPE_FLOAT64),
                ctypes.c_int32(n_columns),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(prepared),
            )
        )
        weakref.finalize(self, library.LGBM_FastConfigFree, prepared)
        self._predict = partial(
            library.LGBM_BoosterPredictForMatSingleRowFast,
            prepared,
            self._row.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(ctypes.c_int64()),
            self._prediction.ctypes.data_as(ctypes.c_void_p),
        )

    def predict(self, row: Floats) -> Floats:
        """The prediction `(1,)` of a row `(n_columns,)`."""
        with self._lock:
            self._row[:] = row
            _checked(self._predict())
            return self._prediction.copy()


def _checked(status: int) -> None:
    if status != 0:
        raise RuntimeError(f"LightGBM: {lightgbm.basic._LIB.LGBM_GetLastError().decode()}")


def load_scorer(artifact: Artifact, schema_columns: tuple[str, ...]) -> Scorer:
    """The scorer that an artifact holds, bound to the places of this schema's vector.

    Raises: `ArtifactError` when the artifact is no scorer, names a feature that the schema does not have, or its booster
    was trained on other names than its manifest's.
    """
    artifact.require(KIND)
    manifest = artifact.manifest
    names = tuple(manifest["feature_names"])
    unknown = [name for name in names if name not in schema_columns]
    if unknown:
        raise ArtifactError(f"scorer {manifest['name']} wants features that the schema has not: {unknown}")
    booster = lightgbm.Booster(model_str=artifact.texts[MODEL])
    if tuple(booster.feature_name()) != names:
        raise ArtifactError(
            f"scorer {manifest['name']}: booster has {booster.feature_name()}, manifest {list(names)}"
        )
    columns = np.array([schema_columns.index(name) for name in names], dtype=np.intp)
    calibration = manifest["calibration"]
    return Scorer(manifest["name"], booster, columns, tuple(calibration) if calibration else None)


_ACTION = "action"


@dataclass(frozen=True)
class BoostedRewards:
    """Expected rewards by one booster over the inputs and, as a category, the action: E[r | x, a]."""

    booster: lightgbm.Booster
    n_actions: int

    @property
    def text(self) -> str:
        """The booster as LightGBM's text."""
        return str(self.booster.model_to_string())

    def expected_rewards(self, contexts: Floats) -> Floats:
        """`(n_rounds, n_actions)` for contexts `(n_rounds, n_inputs)`, nan where an input is unknown."""
        if len(contexts) == 0:
            return np.empty((0, self.n_actions))
        actions = np.tile(np.arange(self.n_actions, dtype=np.float64), len(contexts))
        rows = np.column_stack([np.repeat(contexts, self.n_actions, axis=0), actions])
        predicted = np.asarray(self.booster.predict(rows, num_threads=1), dtype=np.float64)
        return np.asarray(predicted.reshape(len(contexts), self.n_actions))


def fit_boosted_rewards(
    feedback: LoggedFeedback, *, seed: int, n_trees: int = 100, smallest_leaf: int = 50
) -> BoostedRewards:
    """Trees of squared error on the logged rounds; the same rounds and seed give the same trees.

    Rounds are not weighted by their propensity: an action that the log chose rarely is known less, as it should be.
    """
    rows = np.column_stack([feedback.contexts, feedback.actions])
    names = [*feedback.input_names, _ACTION]
    data = lightgbm.Dataset(rows, feedback.rewards, feature_name=names, categorical_feature=[_ACTION])
    settings = {
        "objective": "regression",
        "num_leaves": 15,
        "min_data_in_leaf": smallest_leaf,
        "learning_rate": 0.1,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return BoostedRewards(lightgbm.train(settings, data, num_boost_round=n_trees), feedback.n_actions)


def load_boosted_rewards(text: str, input_names: tuple[str, ...], n_actions: int) -> BoostedRewards:
    """The reward model in this text. Raises `ArtifactError` when it was fitted on other inputs."""
    booster = lightgbm.Booster(model_str=text)
    if tuple(booster.feature_name()) != (*input_names, _ACTION):
        raise ArtifactError(f"the trees know {booster.feature_name()}; wanted {[*input_names, _ACTION]}")
    return BoostedRewards(booster, n_actions)
