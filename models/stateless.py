"""What policies that learn nothing share."""

from __future__ import annotations

from typing import Self

from models.feedback import Floats, Integers
from models.policy import Policy


class StatelessPolicy(Policy):
    """A policy whose choices do not depend on rewards: to learn, to merge and to forget change nothing."""

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Nothing: the policy has no state."""

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Nothing: the policy has no state."""

    def merge(self, other: Self) -> None:
        """Nothing: the policy has no state."""

    def discount(self, weight: float) -> None:
        """Nothing: the policy has no state."""
