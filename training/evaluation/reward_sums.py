"""The cross-fitted reward model q(x,a), from sums over chunks of a log: each round's from rounds of the other folds.

Ridge regression in two steps: one for all actions together, then one an action on what the first left over, so that an
action with few rounds falls back to the common model. Rewards may be any real number; a click is a number, too. Folds are
not drawn: the same log gives the same model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.feedback import Floats, Integers
from training.evaluation.errors import TooFewRoundsError

N_FOLDS: Final = 3
RIDGES: Final = (10.0, 100.0, 1_000.0, 10_000.0, 1e6)
"""Penalties to choose from, in rounds; the last leaves little more than the mean reward."""


@dataclass(frozen=True, kw_only=True)
class RidgeSums:
    """Per action: Σ x·xᵀ `(n_actions, d, d)`, Σ x·r `(n_actions, d)` and Σ r²; x is the design vector, its first entry 1."""

    gram: Floats
    cross: Floats
    squares: float

    @classmethod
    def of(cls, design: Floats, actions: Integers, rewards: Floats, n_actions: int) -> RidgeSums:
        """The sums of these rounds, design `(n_rounds, d)`."""
        width = design.shape[1]
        gram, cross = np.zeros((n_actions, width, width)), np.zeros((n_actions, width))
        for action in np.unique(actions):
            mine = design[actions == action]
            gram[action] = mine.T @ mine
            cross[action] = mine.T @ rewards[actions == action]
        return cls(gram=gram, cross=cross, squares=float(rewards @ rewards))

    def __add__(self, other: RidgeSums) -> RidgeSums:
        return RidgeSums(
            gram=self.gram + other.gram, cross=self.cross + other.cross, squares=self.squares + other.squares
        )

    def coefficients(self, ridge: float) -> Floats:
        """θ `(n_actions, d)` with q(x,a) = θ_a·x, θ_a = common + own; intercepts are shrunk towards the mean reward as well.

        Raises: `TooFewRoundsError` without a round.
        """
        n_rounds = float(self.gram[:, 0, 0].sum())
        if n_rounds == 0:
            raise TooFewRoundsError("found no rounds to fit a reward model on; wanted at least 1")
        penalty = ridge * np.eye(self.gram.shape[1])
        mean = float(self.cross[:, 0].sum()) / n_rounds
        centred = self.cross - mean * self.gram[:, :, 0]
        common = np.linalg.solve(self.gram.sum(axis=0) + penalty, centred.sum(axis=0))
        left_over = centred - self.gram @ common
        own = np.linalg.solve(self.gram + penalty, left_over[:, :, None])[:, :, 0]
        coefficients = common + own
        coefficients[:, 0] += mean
        return np.asarray(coefficients)

    def squared_error(self, coefficients: Floats) -> float:
        """Σ (r - θ_a·x)² over these rounds."""
        explained = np.einsum("ai,aij,aj->", coefficients, self.gram, coefficients)
        return self.squares - 2 * float((coefficients * self.cross).sum()) + float(explained)


@dataclass(frozen=True, kw_only=True)
class FoldSums:
    """The sums of each of `N_FOLDS` folds; round i of the whole log belongs to fold i mod `N_FOLDS`."""

    folds: tuple[RidgeSums, ...]

    @classmethod
    def of(
        cls, design: Floats, actions: Integers, rewards: Floats, n_actions: int, *, first: int = 0
    ) -> FoldSums:
        """The sums of rounds first, first + 1, ... of the log."""
        fold = (first + np.arange(len(rewards))) % N_FOLDS
        return cls(
            folds=tuple(
                RidgeSums.of(design[fold == f], actions[fold == f], rewards[fold == f], n_actions)
                for f in range(N_FOLDS)
            )
        )

    def __add__(self, other: FoldSums) -> FoldSums:
        return FoldSums(folds=tuple(a + b for a, b in zip(self.folds, other.folds, strict=True)))

    def cross_fit(self) -> Floats:
        """θ `(N_FOLDS, n_actions, d)`: for the rounds of each fold, from the other folds' rounds.

        The penalty is the one of `RIDGES` with which one of those folds predicts the other best: where rewards are rare the
        model then shrinks to their mean instead of adding noise to DR. Raises: `TooFewRoundsError` when a fold is empty.
        """
        return np.stack([self._without(fold) for fold in range(N_FOLDS)])

    def _without(self, fold: int) -> Floats:
        fitted, check = (self.folds[(fold + step) % N_FOLDS] for step in (1, 2))
        errors = [check.squared_error(fitted.coefficients(ridge)) for ridge in RIDGES]
        return (fitted + check).coefficients(RIDGES[int(np.argmin(errors))])
