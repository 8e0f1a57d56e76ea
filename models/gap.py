"""Distributions made of predicted rewards: all on the best, or less the further an action is from the best."""

from __future__ import annotations

import numpy as np

from models.feedback import Booleans, Floats

_TIE = 1e-12


def share_of_best(values: Floats, eligible: Booleans) -> Floats:
    """All probability on the largest eligible value of each round, `(..., n_actions)`; ties share evenly.

    >>> share_of_best(np.array([[1.0, 3.0, 3.0, 9.0]]), np.array([[True, True, True, False]])).tolist()
    [[0.0, 0.5, 0.5, 0.0]]
    """
    masked = np.where(eligible, values, -np.inf)
    best = np.maximum.reduce(masked, axis=-1, keepdims=True)
    tied = masked >= best - _TIE * (1 + np.abs(best))
    return np.asarray(tied / np.add.reduce(tied, axis=-1, keepdims=True))


def inverse_gap(values: Floats, eligible: Booleans, gamma: float) -> Floats:
    """Inverse gap weighting of each round's predicted rewards, `(n_rounds, n_actions)`.

    p_a = 1 / (K + γ(ŷ_b - ŷ_a)) for every eligible action but the best, b, which gets the rest; K is the number of eligible
    actions, γ in 1/reward: 0 is uniform, the larger the greedier. Of tied best actions each gets the same.
    Source: Foster and Rakhlin (2020), Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles,
    algorithm 1 with μ = K (there of losses, so with the gap's sign the other way).

    >>> inverse_gap(np.array([[0.0, 1.0]]), np.array([[True, True]]), 2.0).tolist()
    [[0.25, 0.75]]
    """
    masked = np.where(eligible, values, -np.inf)
    gaps = np.max(masked, axis=1, keepdims=True) - masked
    n_eligible = np.count_nonzero(eligible, axis=1)[:, None]
    weights = np.where(eligible, 1 / (n_eligible + gamma * np.where(eligible, gaps, 0.0)), 0.0)
    rest = 1 - np.add.reduce(weights, axis=1)[:, None]
    return np.asarray(weights + rest * share_of_best(values, eligible))
