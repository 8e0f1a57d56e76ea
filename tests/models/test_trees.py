"""LightGBM's trees read without its package predict what its package says, to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.artifact import ArtifactError
from models.trees import OneRow, Trees

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["binary", "tweedie", "regression"])
def booster(request: pytest.FixtureRequest) -> Any:
    """A booster of three inputs, the last a category."""
    import lightgbm

    rng = np.random.default_rng(2)
    rows = rows_of(rng, 600)
    labels = (np.nan_to_num(rows[:, 0]) + rows[:, 2] > 1).astype(float)
    data = lightgbm.Dataset(rows, labels, feature_name=["one", "two", "kind"], categorical_feature=["kind"])
    settings = {"objective": request.param, "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 5}
    return lightgbm.train(settings, data, num_boost_round=20)


def rows_of(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = np.column_stack([rng.normal(size=(n, 2)), rng.integers(0, 4, n)])
    rows[rng.random(n) < 0.2, 0] = np.nan
    return rows


@pytest.mark.parametrize("raw", [True, False])
def test_predictions_are_those_of_the_package(booster: Any, raw: bool) -> None:
    rows = rows_of(np.random.default_rng(3), 100)
    trees = Trees(booster.model_to_string(), raw=raw)
    one = OneRow(trees)

    wanted = booster.predict(rows, raw_score=raw, num_threads=1).tolist()

    assert trees.input_names == ("one", "two", "kind")
    assert trees.predict(rows).tolist() == wanted
    assert trees.predict(np.asfortranarray(rows)).tolist() == wanted
    assert [float(one.predict(row)[0]) for row in rows] == wanted
    assert trees.predict(rows[:0]).shape == (0,)


def test_one_row_outlives_who_asked_for_the_trees(booster: Any) -> None:
    row = np.array([0.5, -0.5, 2.0])
    one = OneRow(Trees(booster.model_to_string()))

    assert one.predict(row).tolist() == booster.predict(row[None], num_threads=1).tolist()


def test_what_lightgbm_cannot_read_is_refused_in_its_words() -> None:
    with pytest.raises(ArtifactError, match="LightGBM: "):
        Trees("no trees")


def test_rows_of_another_width_are_refused(booster: Any) -> None:
    with pytest.raises(ArtifactError, match="number of features"):
        Trees(booster.model_to_string()).predict(np.zeros((2, 5)))


def test_what_serves_loads_trees_without_the_package_or_pandas(booster: Any, tmp_path: Path) -> None:
    (tmp_path / "model.lgb").write_text(booster.model_to_string())
    code = (
        "import sys, pathlib, models.scorer, models.trees\n"
        f"models.trees.Trees(pathlib.Path({str(tmp_path / 'model.lgb')!r}).read_text())\n"
        "print(*sys.modules)"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not {"lightgbm", "pandas", "sklearn"} & set(loaded.stdout.split())
