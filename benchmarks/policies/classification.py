"""Classification data sets as bandit problems: the action is a class, the reward 1 for the right one and else 0."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.policies.peer import PeerError
from benchmarks.policies.problem import Problem, Told, standardise

ROUNDS = 500
Table = tuple[np.ndarray, np.ndarray]


def data_sets(var: Path) -> dict[str, Callable[[], Table]]:
    """Readers of contexts `(n, d)` and labels `(n,)`; River's files come out of its wheel, in its environment."""
    return {
        "wine": lambda: _sklearn("load_wine"),
        "breast cancer": lambda: _sklearn("load_breast_cancer"),
        "Phishing": lambda: _river(var, "phishing.csv.gz", "is_phishing", ()),
        "SolarFlare": lambda: _river(
            var, "solar-flare.csv.zip", "c-class-flares", ("m-class-flares", "x-class-flares")
        ),
        "ImageSegments": lambda: _river(var, "segment.csv.zip", "category", ()),
        "digits": lambda: _sklearn("load_digits"),
    }


def classification_problem(table: Table, seed: int) -> Problem:
    """The rows in an order of this seed, at most `ROUNDS` of them, one reward at a time."""
    contexts, labels = table
    rows = np.random.default_rng([7, seed]).permutation(len(labels))[:ROUNDS]
    classes = np.unique(labels)
    rewards = (labels[rows, None] == classes).astype(np.float64)
    return Problem(
        contexts=standardise(contexts)[rows],
        eligible=np.ones(rewards.shape, dtype=np.bool_),
        rewards=rewards,
        values=rewards,
        batch=1,
        told={"logistic_thompson": Told(setup={"low": 0.0, "high": 1.0, "base_share": 1 / len(classes)})},
    )


def _sklearn(name: str) -> Table:
    import sklearn.datasets

    data = getattr(sklearn.datasets, name)()
    return data.data.astype(np.float64), data.target


def _river(var: Path, file: str, label: str, left_out: tuple[str, ...]) -> Table:
    """Numbers as they are, words one column a value. A label of counts says whether there was any."""
    found = list((var / "peers" / "river" / "lib").glob(f"*/site-packages/river/datasets/{file}"))
    if not found:
        raise PeerError(f"River is not installed, so its {file} is not there")
    rows = list(csv.DictReader(io.StringIO(_text(found[0]))))
    names = [name for name in rows[0] if name not in (label, *left_out)]
    labels = np.array([row[label] for row in rows])
    if left_out:
        labels = labels.astype(float) > 0
    return np.column_stack([_columns([row[name] for row in rows]) for name in names]), labels


def _columns(values: list[str]) -> np.ndarray:
    try:
        return np.array([float(value) for value in values])[:, None]
    except ValueError:
        words = sorted(set(values))
        return np.array([[float(value == word) for word in words] for value in values])


def _text(path: Path) -> str:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0]).decode()
