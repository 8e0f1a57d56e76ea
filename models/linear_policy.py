"""What policies over linear regressions of standardised inputs share: their form, and how they are stored."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np

from models.artifact import Artifact
from models.belief_policy import BeliefPolicy
from models.context import Standardizer
from models.feedback import Booleans, Floats
from models.linear_statistics import LinearStatistics
from models.regression import Disjoint, crossed


class LinearPolicy(BeliefPolicy):
    """A policy over linear regressions of the standardised inputs.

    Disjoint (one regression an action, `regression.Disjoint`) without `action_features`, shared by all actions
    (`regression.crossed`) with them. Rewards are real numbers of one unit.

    exploration: how much is explored, in the way that each policy says; its own default where None.
    ridge, shape, rate: the prior (`NormalInverseGamma`); `rate` in squared units of the reward.
    """

    default_exploration: ClassVar[float] = 1.0
    most_exploration: ClassVar[float] = math.inf

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        standardizer: Standardizer,
        action_features: Floats | None = None,
        floor: float = 0.02,
        exploration: float | None = None,
        ridge: float = 1.0,
        shape: float = 2.0,
        rate: float = 1.0,
        statistics: LinearStatistics | None = None,
    ) -> None:
        super().__init__(
            action_names=action_names,
            input_names=input_names,
            floor=floor,
            regression=Disjoint(standardizer=standardizer, n_actions=len(action_names))
            if action_features is None
            else crossed(standardizer, action_features),
            ridge=ridge,
            shape=shape,
            rate=rate,
            statistics=statistics,
        )
        self.exploration = self.default_exploration if exploration is None else exploration
        if not 0 <= self.exploration <= self.most_exploration:
            raise ValueError(f"exploration is {exploration}; wanted 0 to {self.most_exploration}")
        self.standardizer = standardizer
        self.action_features = action_features

    @abstractmethod
    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        """Unnormalised weights of many rounds, `(n_rounds, n_actions)`."""

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return np.asarray(self._distributions(context[None], eligible[None])[0])

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, form, floor, exploration, prior. Arrays: the standardizer, actions' features, the sums."""
        manifest = {
            **self._manifest(),
            "form": "disjoint" if self.action_features is None else "shared",
            "exploration": self.exploration,
            "prior": self.prior,
        }
        arrays = {**vars(self.standardizer), **vars(self.statistics.copy())}
        if self.action_features is not None:
            arrays["action_features"] = self.action_features
        return Artifact(manifest, arrays)

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest, arrays = artifact.manifest, artifact.arrays
        return cls(
            **cls._named_in(manifest),
            standardizer=Standardizer(arrays["center"], arrays["scale"]),
            action_features=arrays["action_features"] if manifest.get("form") == "shared" else None,
            exploration=manifest.get("exploration"),
            statistics=LinearStatistics.of_arrays(arrays),
            **manifest["prior"],
        )
