"""Logged feedback: the rounds that policies learn from and estimators judge by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


class FeedbackError(ValueError):
    """Logged feedback that contradicts itself; the message names the field and the first round at fault."""


@dataclass(frozen=True, kw_only=True)
class LoggedFeedback:
    """Rounds of (context, action, reward, propensity) with the actions that were eligible in each.

    contexts `(n_rounds, n_inputs)` (nan where an input was unknown), actions `(n_rounds,)` indices into `action_names`,
    rewards `(n_rounds,)`, propensities `(n_rounds,)` of the chosen action after masking, eligible `(n_rounds, n_actions)`.

    Raises: `FeedbackError` when shapes disagree, a reward is not finite, a propensity lies outside (0, 1], or an action
    was chosen that was not eligible.
    """

    contexts: Floats
    actions: Integers
    rewards: Floats
    propensities: Floats
    eligible: Booleans
    input_names: tuple[str, ...]
    action_names: tuple[str, ...]

    def __post_init__(self) -> None:
        n_rounds, n_actions = len(self.actions), len(self.action_names)
        wanted = {
            "contexts": (n_rounds, len(self.input_names)),
            "rewards": (n_rounds,),
            "propensities": (n_rounds,),
            "eligible": (n_rounds, n_actions),
        }
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise FeedbackError(f"{name} has shape {found}; wanted {shape}")
        self._refuse("actions", (self.actions < 0) | (self.actions >= n_actions), f"0 to {n_actions - 1}")
        self._refuse("rewards", ~np.isfinite(self.rewards), "a finite number")
        self._refuse("propensities", ~((self.propensities > 0) & (self.propensities <= 1)), "in (0, 1]")
        chosen_eligible = self.eligible[np.arange(n_rounds), self.actions]
        self._refuse("actions", ~chosen_eligible, "one of the round's eligible actions")

    def _refuse(self, field: str, at_fault: Booleans, wanted: str) -> None:
        if at_fault.any():
            first = int(np.argmax(at_fault))
            found = getattr(self, field)[first]
            raise FeedbackError(
                f"{field}: round {first} has {found}, wanted {wanted} ({int(at_fault.sum())} rounds so)"
            )

    @property
    def n_rounds(self) -> int:
        """The number of rounds."""
        return len(self.actions)

    @property
    def n_actions(self) -> int:
        """The number of actions there are, eligible or not."""
        return len(self.action_names)

    def take(self, rows: Integers | Booleans | slice) -> LoggedFeedback:
        """The chosen rounds, in the order given."""
        return replace(
            self,
            contexts=self.contexts[rows],
            actions=self.actions[rows],
            rewards=self.rewards[rows],
            propensities=self.propensities[rows],
            eligible=self.eligible[rows],
        )
