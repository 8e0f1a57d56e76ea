"""How one of a decision's actions is drawn: everything that the draw depends on, so that it can be imagined otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.feedback import Booleans, Floats
from models.policy import Policy, choose, uniform
from service.guardrails.mask import Mask

Distribution = Callable[[Floats, Booleans], Floats | None]
"""The probability of each action for a context and the eligible actions; None where nothing would be done."""


@dataclass(frozen=True)
class Drawing:
    """A choice under way; `policy` is the one whose inputs the distribution depends on, None where it depends on none."""

    decision_id: str
    mask: Mask
    context: Floats
    distribution: Distribution
    policy: Policy | None

    def choice(self, context: Floats, eligible: Booleans) -> str | None:
        """The action that would be chosen in this context among these actions, by the decision's own random number."""
        probabilities = self.distribution(context, eligible) if eligible.any() else None
        if probabilities is None:
            return None
        return self.mask.actions[choose(probabilities, uniform(self.decision_id, self.mask.decision))]


def first_of(actions: Sequence[str], preferred: Sequence[str]) -> Distribution:
    """All on the first of the preferred actions that is eligible; None where none is."""

    def certain(_context: Floats, eligible: Booleans) -> Floats | None:
        for name in preferred:
            if name in actions and eligible[actions.index(name)]:
                return np.array([float(action == name) for action in actions])
        return None

    return certain
