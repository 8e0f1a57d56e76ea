"""Choosing among actions that come with the request, described by features: one linear model shared by all of them."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from models.artifact import Artifact, ArtifactError
from models.feedback import Booleans, Floats
from models.gap import share_of_best
from models.hashed_design import N_BUCKETS
from models.linear_statistics import LinearStatistics
from models.policy import NoEligibleActionError


class Ranking:
    """ε-greedy over a ridge regression of the reward on designs (`hashed_designs`): with nothing learnt, all alike.

    No `Policy`, since it knows no actions: each request brings its own, as rows of designs. It keeps the same laws
    (tests/models/test_ranking_laws.py).

    exploration: ε, spread evenly over the eligible actions. ridge: of the regression's prior, θ ~ N(0, I/ridge).
    Source: Sutton and Barto (2018), section 2.2.
    """

    kind: ClassVar[str] = "ranking"

    def __init__(
        self,
        *,
        exploration: float = 0.2,
        ridge: float = 1.0,
        statistics: LinearStatistics | None = None,
    ) -> None:
        """Raises: `ValueError` when exploration makes no distribution, or the ridge is not positive."""
        if not 0 <= exploration <= 1:
            raise ValueError(f"exploration is {exploration}; wanted 0 to 1")
        if not ridge > 0:
            raise ValueError(f"ridge is {ridge}; wanted above 0")
        self.exploration = exploration
        self.ridge = ridge
        self.statistics = statistics or LinearStatistics.empty(1, N_BUCKETS)
        self._mean: Floats | None = None

    @property
    def mean(self) -> Floats:
        """The posterior mean of θ, `(N_BUCKETS,)`."""
        if self._mean is None:
            precision = self.statistics.xx[0] + self.ridge * np.eye(len(self.statistics.rx[0]))
            self._mean = np.linalg.solve(precision, self.statistics.rx[0])
        return self._mean

    def probabilities(self, designs: Floats, eligible: Booleans) -> Floats:
        """The probability of each action `(n_actions,)`: 0 where not eligible, at least ε/K of the K eligible ones, sum 1.

        Raises: `NoEligibleActionError` when nothing is eligible.
        """
        n_eligible = np.count_nonzero(eligible)
        if n_eligible == 0:
            raise NoEligibleActionError(f"none of {len(designs)} actions is eligible")
        best = share_of_best(designs @ self.mean, eligible)
        return np.asarray((1 - self.exploration) * best + self.exploration * eligible / n_eligible)

    def learn_many(self, designs: Floats, rewards: Floats) -> None:
        """Take in rounds: the chosen actions' designs `(n_rounds, N_BUCKETS)` and their rewards `(n_rounds,)`."""
        every = np.zeros(len(rewards), dtype=np.intp)
        self._take(LinearStatistics.of(designs, every, rewards, 1))

    def learn_one(self, design: Floats, reward: float) -> None:
        """Take in one round, as `learn_many` would."""
        self.learn_many(design[None], np.array([reward]))

    def merge(self, other: Self) -> None:
        """Add what another shard learnt."""
        self._take(other.statistics)

    def _take(self, sums: LinearStatistics) -> None:
        self.statistics = self.statistics + sums
        self._mean = None

    def exploring(self, exploration: float) -> Self:
        """The same knowledge with another ε. Raises: `ValueError`."""
        return type(self)(exploration=exploration, ridge=self.ridge, statistics=self.statistics.copy())

    def clone(self) -> Self:
        """A ranking of the same state that learns on its own."""
        return self.exploring(self.exploration)

    def to_artifact(self) -> Artifact:
        """Manifest: kind, exploration, ridge. Arrays: the sums."""
        manifest = {"kind": self.kind, "exploration": self.exploration, "ridge": self.ridge}
        return Artifact(manifest, dict(vars(self.statistics.copy())))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The ranking that `to_artifact` wrote. Raises `ArtifactError` for another kind and for a missing part."""
        artifact.require(cls.kind)
        try:
            return cls(
                exploration=artifact.manifest["exploration"],
                ridge=artifact.manifest["ridge"],
                statistics=LinearStatistics.of_arrays(artifact.arrays),
            )
        except KeyError as error:
            raise ArtifactError(f"the artifact of kind {cls.kind!r} lacks a part: {error}") from error
