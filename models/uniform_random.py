"""Every eligible action alike: the random control group, and the policy that any log can judge."""

from __future__ import annotations

from typing import Self

import numpy as np

from models.artifact import Artifact
from models.feedback import Booleans, Floats, Integers
from models.policy import Policy


class UniformRandom(Policy):
    """Chooses each of the n eligible actions with probability 1/n; learns nothing."""

    kind = "uniform_random"

    def __init__(self, *, action_names: tuple[str, ...], input_names: tuple[str, ...] = ()) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=0.0)

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:  # noqa: ARG002
        return np.ones(self.n_actions)

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Nothing: the policy has no state."""

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Nothing: the policy has no state."""

    def merge(self, other: Self) -> None:
        """Nothing: the policy has no state."""

    def discount(self, weight: float) -> None:
        """Nothing: the policy has no state."""

    def to_artifact(self) -> Artifact:
        """Manifest: kind and names."""
        return Artifact(
            {
                "kind": self.kind,
                "action_names": list(self.action_names),
                "input_names": list(self.input_names),
            }
        )

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        names = artifact.manifest
        return cls(action_names=tuple(names["action_names"]), input_names=tuple(names["input_names"]))
