"""Thompson sampling over channels whose rates are shrunk to the population's."""

from __future__ import annotations

from typing import Self

import numpy as np

from models.artifact import Artifact
from models.belief_policy import BeliefPolicy
from models.context import Standardizer, cut
from models.feedback import Floats
from models.linear_statistics import LinearStatistics
from models.regression import Shared


class ChannelThompson(BeliefPolicy):
    """Linear Thompson sampling over features of (customer, channel) that all channels share.

    The input of a channel is the customer's own rate of answers on it, one input an action and in their order. The expected
    reward of channel a is
        α + α_a + β·z_a + γ·mean(z),  z_a = (own rate - the population's) / the usual difference, 0 where unknown, cut to ±5:
    a common level, the channel's own part of it (which holds its cost as far as rewards are net of it), how far the
    customer's own rate is to be believed (the shrinkage is learnt, and once for all channels), and how much the customer
    answers altogether. One posterior makes the rewards correlated: probabilities are the shares in which each channel wins
    over a fixed set of posterior draws (`regression.Shared`); the action is sampled from those, so its propensity is exact.

    standardizer: centre and scale of the inputs; the usual difference is the mean of the scales.
    """

    kind = "channel_thompson"
    same_in_company = True

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        standardizer: Standardizer,
        floor: float = 0.02,
        ridge: float = 5.0,
        shape: float = 2.0,
        rate: float = 0.04,
        statistics: LinearStatistics | None = None,
    ) -> None:
        if len(input_names) != len(action_names):
            raise ValueError(f"inputs are {list(input_names)}; wanted one for each of {list(action_names)}")
        super().__init__(
            action_names=action_names,
            input_names=input_names,
            floor=floor,
            regression=Shared(
                features=self.action_features, n_actions=len(action_names), n_features=len(action_names) + 3
            ),
            ridge=ridge,
            shape=shape,
            rate=rate,
            statistics=statistics,
        )
        self.standardizer = standardizer
        self._usual_difference = standardizer.scale.mean()
        nothing = np.zeros((len(action_names), 1))
        columns = (np.ones((len(action_names), 1)), np.eye(len(action_names)), nothing, nothing)
        self._same_for_all = np.concatenate(columns, axis=1)

    def action_features(self, contexts: Floats) -> Floats:
        """The features of every channel, `(n_rounds, n_actions, n_features)` for contexts `(n_rounds, n_actions)`."""
        z = cut((contexts - self.standardizer.center) / self._usual_difference)
        z[np.isnan(z)] = 0.0
        features = np.empty((*z.shape, self.n_actions + 3))
        features[:] = self._same_for_all
        features[:, :, -2] = z
        features[:, :, -1] = np.add.reduce(z, axis=1)[:, None] / self.n_actions
        return features

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, floor, prior. Arrays: the standardizer and the sums."""
        manifest = {
            **self._manifest(),
            "prior": self.prior,
        }
        return Artifact(manifest, {**vars(self.standardizer), **vars(self.statistics.copy())})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest, arrays = artifact.manifest, artifact.arrays
        return cls(
            **cls._named_in(manifest),
            standardizer=Standardizer(arrays["center"], arrays["scale"]),
            statistics=LinearStatistics.of_arrays(arrays),
            **manifest["prior"],
        )
