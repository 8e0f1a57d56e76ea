"""Every eligible action alike: the random control group, and the policy that any log can judge."""

from __future__ import annotations

from typing import Self

import numpy as np

from models.artifact import Artifact
from models.feedback import Booleans, Floats
from models.stateless import StatelessPolicy


class UniformRandom(StatelessPolicy):
    """Chooses each of the n eligible actions with probability 1/n; learns nothing."""

    kind = "uniform_random"

    def __init__(self, *, action_names: tuple[str, ...], input_names: tuple[str, ...] = ()) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=0.0)

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:  # noqa: ARG002
        return np.ones(self.n_actions)

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:  # noqa: ARG002
        return np.ones(eligible.shape)

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
