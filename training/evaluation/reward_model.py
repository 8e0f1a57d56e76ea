"""A cross-fitted reward model: q(x,a) for every round and action, from rounds other than the one predicted."""

from __future__ import annotations

import numpy as np

from models.context import Standardizer
from models.feedback import Booleans, Floats, LoggedFeedback
from training.evaluation.errors import TooFewRoundsError

RIDGES = (10.0, 100.0, 1_000.0, 10_000.0, 1e6)
"""Penalties to choose from, in rounds; the last leaves little more than the mean reward."""


def cross_fit_rewards(feedback: LoggedFeedback, n_folds: int = 3) -> Floats:
    """Predicted rewards q(x,a) `(n_rounds, n_actions)`, each from a model that did not see its round.

    Ridge regression in two steps: one for all actions together, then one an action on what the first left over, so that an
    action with few rounds falls back to the common model. Reward may be any real number; a click is a number, too. The
    penalty is the one of `RIDGES` that predicts the odd training rounds best from the even ones: where rewards are rare the
    model then shrinks to their mean instead of adding noise to DR.
    Round i belongs to fold i mod n_folds: no randomness, the same log gives the same predictions.

    Raises: `TooFewRoundsError` when there are fewer than 2 folds or than 2 training rounds in one.
    """
    if n_folds < 2 or feedback.n_rounds < 2 * n_folds:
        raise TooFewRoundsError(
            f"{n_folds} folds for {feedback.n_rounds} rounds; wanted 2 or more, of 2 rounds or more"
        )
    predictions = np.empty((feedback.n_rounds, feedback.n_actions))
    folds = np.arange(feedback.n_rounds) % n_folds
    for fold in range(n_folds):
        train, held_out = feedback.take(folds != fold), folds == fold
        predictions[held_out] = fit_and_predict(train, feedback.contexts[held_out], _choose_ridge(train))
    return predictions


def fit_and_predict(train: LoggedFeedback, contexts: Floats, ridge: float) -> Floats:
    """Predicted rewards `(len(contexts), n_actions)` of the two-step ridge fitted on `train`."""
    standardizer = Standardizer.fit(train.contexts)
    design, target = standardizer.design(train.contexts), standardizer.design(contexts)
    mean = float(train.rewards.mean())
    common = _ridge_coefficients(design, train.rewards - mean, ridge)
    left_over = train.rewards - mean - design @ common
    predictions = np.repeat((mean + target @ common)[:, None], train.n_actions, axis=1)
    for action in range(train.n_actions):
        mine = train.actions == action
        if mine.any():
            predictions[:, action] += target @ _ridge_coefficients(design[mine], left_over[mine], ridge)
    return predictions


def _choose_ridge(train: LoggedFeedback) -> float:
    odd: Booleans = np.arange(train.n_rounds) % 2 == 1
    even, check = train.take(~odd), train.take(odd)
    rows = np.arange(check.n_rounds)
    errors = [
        float(
            np.mean((check.rewards - fit_and_predict(even, check.contexts, ridge)[rows, check.actions]) ** 2)
        )
        for ridge in RIDGES
    ]
    return RIDGES[int(np.argmin(errors))]


def _ridge_coefficients(design: Floats, rewards: Floats, ridge: float) -> Floats:
    """θ = (XᵀX + ridge·I)⁻¹Xᵀr, the intercept shrunk as well."""
    precision = design.T @ design + ridge * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(precision, design.T @ rewards))
