"""The published relative errors on the Open Bandit samples, made again: Bernoulli TS judged from the random log.

Protocol of `examples/obd` of Open Bandit Pipeline: in each of 30 runs the random log is resampled with replacement, a
logistic regression is cross-fitted on it place by place, and every estimator's value of Bernoulli TS is compared with the
mean reward of the log that Bernoulli TS itself wrote: error = |V - on-policy mean| / on-policy mean. The on-policy log holds
42 to 69 clicks, so its own mean is off by a sixth: the errors compare estimators, they say little of any one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from rich.table import Table

from models.feedback import Booleans, Floats, Integers, LoggedFeedback
from training.evaluation.evaluation import standard_estimators
from training.evaluation.open_bandit import (
    N_PLACES,
    OpenBanditSample,
    bernoulli_thompson,
    read_sample,
    read_tables,
)
from training.evaluation.rounds import evaluate_rounds

PUBLISHED: Final = {
    "dm": (0.157, 0.110),
    "ips": (0.311, 0.311),
    "snips": (0.312, 0.335),
    "dr": (0.292, 0.315),
    "sndr": (0.302, 0.328),
    "switch-dr": (0.258, 0.161),
    "dros": (0.160, 0.110),
}
"""Mean and standard deviation over 30 runs, campaign `all`, from the README of `examples/obd` in st-tech/zr-obp."""
N_FOLDS: Final = 3
SEED: Final = 12_345
PENALTY: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class RelativeErrors:
    """Relative errors by estimator, `(n_runs,)` each, and the numbers of clicks behind them."""

    errors: dict[str, Floats]
    n_clicks: int
    n_clicks_on_policy: int


def relative_errors(package: Path, campaign: str = "all", n_runs: int = 30) -> RelativeErrors:
    """The errors of this campaign. Raises: `LogError` when the package lacks a file."""
    sample, truth = read_sample(package, f"random/{campaign}"), read_sample(package, f"bts/{campaign}")
    probabilities = bernoulli_thompson(package, sample, np.random.default_rng(SEED))
    value = float(truth.feedback.rewards.mean())
    model = _ItemModel.of(package, campaign)
    found: dict[str, list[float]] = {name: [] for name in PUBLISHED}
    for run in range(n_runs):
        rows = np.random.RandomState(run).choice(sample.feedback.n_rounds, size=sample.feedback.n_rounds)
        feedback, draws = sample.feedback.take(rows), np.zeros(len(rows))
        predictions = model.cross_fit(feedback, rows, sample)
        rounds = evaluate_rounds(feedback, probabilities[rows], draws, predictions)
        for estimator in standard_estimators(rounds):
            if estimator.name in found:
                estimate = float(estimator.value(estimator.add_up(rounds).means))
                found[estimator.name].append(abs(estimate / value - 1))
    return RelativeErrors(
        errors={name: np.array(each) for name, each in found.items()},
        n_clicks=int(sample.feedback.rewards.sum()),
        n_clicks_on_policy=int(truth.feedback.rewards.sum()),
    )


def error_table(found: RelativeErrors) -> Table:
    """The errors beside the published ones, mean ± standard deviation over runs."""
    table = Table(
        "estimator",
        "relative error",
        "published",
        title="Bernoulli TS judged from the random log against its own log, campaign all",
        caption=f"{found.n_clicks} clicks in the random log, {found.n_clicks_on_policy} in the on-policy log of 10,000 "
        "rounds each: fit for comparing implementations, far too thin for ranking estimators",
    )
    for name, errors in found.errors.items():
        spread = float(errors.std(ddof=1)) if len(errors) > 1 else float("nan")
        mean, deviation = PUBLISHED[name]
        table.add_row(name, f"{errors.mean():.3f} ± {spread:.3f}", f"{mean:.3f} ± {deviation:.3f}")
    return table


@dataclass(frozen=True, kw_only=True)
class _ItemModel:
    """The published reward model: logistic regression on user features and item features, one a place.

    users `(n_rounds, n_user_features)`, in the order of the log; items `(n_items, n_item_features)`.
    """

    users: Floats
    items: Floats

    @classmethod
    def of(cls, package: Path, campaign: str) -> _ItemModel:
        rounds, items = read_tables(package, f"random/{campaign}")
        user_columns = [name for name in rounds.columns if name.startswith("user_feature_")]
        codes = [pd.factorize(items[f"item_feature_{n}"], sort=True)[0] for n in (1, 2, 3)]
        return cls(
            users=pd.get_dummies(rounds[user_columns], drop_first=True).to_numpy(dtype=np.float64),
            items=np.column_stack([*codes, items["item_feature_0"]]).astype(np.float64),
        )

    def cross_fit(self, feedback: LoggedFeedback, rows: Integers, sample: OpenBanditSample) -> Floats:
        """q(x,a) `(n_rounds, n_items)`, each from the folds that the round is not in."""
        users, places = self.users[rows], sample.places[rows]
        order = np.random.RandomState(SEED).permutation(feedback.n_rounds)
        predictions = np.empty((feedback.n_rounds, feedback.n_actions))
        for held_out in np.array_split(order, N_FOLDS):
            train = np.ones(feedback.n_rounds, dtype=np.bool_)
            train[held_out] = False
            for place in range(N_PLACES):
                here = held_out[places[held_out] == place]
                predictions[here] = self._predict(feedback, users, train & (places == place), users[here])
        return predictions

    def _predict(self, feedback: LoggedFeedback, users: Floats, train: Booleans, targets: Floats) -> Floats:
        from sklearn.linear_model import LogisticRegression

        design = np.hstack([users[train], self.items[feedback.actions[train]]])
        model = LogisticRegression(C=PENALTY, max_iter=10_000, random_state=SEED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # separable folds of a few clicks do not converge; as published
            model.fit(design, feedback.rewards[train])
        n_users = users.shape[1]
        of_users = targets @ model.coef_[0, :n_users] + model.intercept_[0]
        of_items = self.items @ model.coef_[0, n_users:]
        return np.asarray(1 / (1 + np.exp(-(of_users[:, None] + of_items[None, :]))))
