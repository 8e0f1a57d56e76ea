"""A problem: rounds that are the same for every policy, with every action's reward known to the harness alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

LIMIT = 5.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one learner of ours is told of a problem before the first round: values that JSON holds.

    contexts: the very same rounds before they were standardised, for a policy that knows its inputs by name.
    """

    setup: dict[str, Any]
    contexts: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Rounds in the order they are played.

    contexts `(n, d)` are standardised, an unknown input at 0; eligible `(n, k)`; rewards `(n, k)` are what a policy is told,
    in about [0, 1]; values `(n, k)` is what its choice counts: the reward itself, or the true expected one where the world
    is ours. `batch` rounds are decided before their rewards come back. `told` is by learner.
    """

    contexts: np.ndarray
    eligible: np.ndarray
    rewards: np.ndarray
    values: np.ndarray
    batch: int
    told: dict[str, Told] = field(default_factory=dict)

    @property
    def references(self) -> dict[str, float]:
        """The value of choosing at random, of the best single action, of the best action each time."""
        eligible_values = np.where(self.eligible, self.values, 0.0)
        everywhere = eligible_values.mean(axis=0)[self.eligible.all(axis=0)]
        return {
            "random": float((eligible_values.sum(axis=1) / self.eligible.sum(axis=1)).mean()),
            "best fixed action": float(everywhere.max()) if len(everywhere) else float("nan"),
            "best each time": float(np.where(self.eligible, self.values, -np.inf).max(axis=1).mean()),
        }


def standardise(contexts: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation a column, cut to ±5; an unknown value at 0. The same for every policy."""
    known = np.isfinite(contexts)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, contexts, 0.0).sum(axis=0) / count
    deviation = np.where(known, contexts - center, 0.0)
    scale = np.sqrt((deviation**2).sum(axis=0) / count)
    return np.clip(deviation / np.where(scale > 1e-9, scale, 1.0), -LIMIT, LIMIT)
