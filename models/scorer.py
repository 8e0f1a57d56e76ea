"""Gradient-boosted scorers and reward models. The only module that imports LightGBM's package, and to fit trees alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from models.artifact import Artifact, ArtifactError
from models.feedback import Floats, LoggedFeedback
from models.trees import OneRow, Trees

KIND = "scorer"
MODEL = "model.lgb"
_LARGEST_EXPONENT: Final = 700.0
"""Of which `exp` is still a number."""


@dataclass(frozen=True)
class Scorer:
    """Trees over named columns of the feature vector, and what turns their output into an answer.

    With `calibration` (a, b) the score is a probability, 1 / (1 + exp(-(a·z + b))) of the trees' raw margin z (Platt
    scaling); without, it is the trees' own prediction. `columns` are indices into the feature vector.
    Source of the scaling: Platt (1999), Probabilistic Outputs for Support Vector Machines.
    """

    name: str
    trees: Trees
    columns: np.ndarray[Any, np.dtype[np.intp]]
    calibration: tuple[float, float] | None

    def score_many(self, vectors: Floats) -> Floats:
        """Scores `(n_rows,)` of feature vectors `(n_rows, n_columns)`; nan is a value of its own to the trees."""
        predictions = self.trees.predict(vectors[:, self.columns])
        if self.calibration is None:
            return predictions
        return np.array([self._calibrated(each) for each in predictions.tolist()], dtype=np.float64)

    def score(self, vector: Floats) -> float:
        """The score of one feature vector `(n_columns,)`: that of `score_many` to the bit, in a third of the time."""
        return self._calibrated(float(self._one_row.predict(vector[self.columns])[0]))

    @cached_property
    def _one_row(self) -> OneRow:
        return OneRow(self.trees)

    def _calibrated(self, prediction: float) -> float:
        return prediction if self.calibration is None else calibrated(prediction, self.calibration)


def calibrated(margin: float, calibration: tuple[float, float]) -> float:
    """The probability 1 / (1 + exp(-(a·z + b))) of a margin z, by (a, b)."""
    a, b = calibration
    return 1 / (1 + math.exp(min(-(a * margin + b), _LARGEST_EXPONENT)))


def load_scorer(artifact: Artifact, schema_columns: tuple[str, ...]) -> Scorer:
    """The scorer that an artifact holds, bound to the places of this schema's vector.

    Raises: `ArtifactError` when the artifact is no scorer, names a feature that the schema does not have, or its trees
    were trained on other names than its manifest's.
    """
    artifact.require(KIND)
    manifest = artifact.manifest
    names = tuple(manifest["feature_names"])
    unknown = [name for name in names if name not in schema_columns]
    if unknown:
        raise ArtifactError(f"scorer {manifest['name']} wants features that the schema has not: {unknown}")
    columns = np.array([schema_columns.index(name) for name in names], dtype=np.intp)
    calibration = manifest["calibration"]
    trees = Trees(artifact.texts[MODEL], raw=calibration is not None)
    if trees.input_names != names:
        raise ArtifactError(
            f"scorer {manifest['name']}: the trees know {list(trees.input_names)}, the manifest {list(names)}"
        )
    return Scorer(manifest["name"], trees, columns, tuple(calibration) if calibration else None)


_ACTION = "action"


@dataclass(frozen=True)
class BoostedRewards:
    """Expected rewards by trees over the inputs and, as a category, the action: E[r | x, a]."""

    trees: Trees
    n_actions: int

    @property
    def text(self) -> str:
        """The trees as LightGBM's text."""
        return self.trees.text

    def expected_rewards(self, contexts: Floats) -> Floats:
        """`(n_rounds, n_actions)` for contexts `(n_rounds, n_inputs)`, nan where an input is unknown."""
        if len(contexts) == 0:
            return np.empty((0, self.n_actions))
        actions = np.tile(np.arange(self.n_actions, dtype=np.float64), len(contexts))
        rows = np.column_stack([np.repeat(contexts, self.n_actions, axis=0), actions])
        return self.trees.predict(rows).reshape(len(contexts), self.n_actions)


def fit_boosted_rewards(
    feedback: LoggedFeedback, *, seed: int, n_trees: int = 100, smallest_leaf: int = 50
) -> BoostedRewards:
    """Trees of squared error on the logged rounds; the same rounds and seed give the same trees.

    Rounds are not weighted by their propensity: an action that the log chose rarely is known less, as it should be.
    """
    import lightgbm  # takes a second, and what serves fits no trees

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
    booster = lightgbm.train(settings, data, num_boost_round=n_trees)
    return BoostedRewards(Trees(booster.model_to_string()), feedback.n_actions)


def load_boosted_rewards(text: str, input_names: tuple[str, ...], n_actions: int) -> BoostedRewards:
    """The reward model in this text. Raises `ArtifactError` when it was fitted on other inputs."""
    trees = Trees(text)
    if trees.input_names != (*input_names, _ACTION):
        raise ArtifactError(f"the trees know {list(trees.input_names)}; wanted {[*input_names, _ACTION]}")
    return BoostedRewards(trees, n_actions)
