"""What policies over Bayesian linear regressions share: how they learn, are stored and see expected rewards."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np

from models.artifact import Artifact
from models.belief import Belief
from models.context import Standardizer
from models.feedback import Booleans, Floats, Integers
from models.linear_statistics import LinearStatistics
from models.policy import Policy
from models.regression import Disjoint, Regression, Shared


class LinearPolicy(Policy):
    """A policy whose state is the sums of linear regressions: exact in any order, shards add, rounds can be taken back.

    Disjoint (one regression an action, `regression.Disjoint`) without `action_features`, shared by all actions
    (`regression.Shared`) with them. Rewards are real numbers of one unit.

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
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        self.exploration = self.default_exploration if exploration is None else exploration
        if not 0 <= self.exploration <= self.most_exploration:
            raise ValueError(f"exploration is {exploration}; wanted 0 to {self.most_exploration}")
        self.standardizer = standardizer
        self.regression: Regression = (
            Disjoint(standardizer=standardizer, n_actions=self.n_actions)
            if action_features is None
            else Shared(standardizer=standardizer, action_features=action_features)
        )
        statistics = statistics or self.regression.empty_statistics()
        self.belief = Belief(ridge=ridge, shape=shape, rate=rate, statistics=statistics)

    @property
    def prior(self) -> dict[str, float]:
        """ridge, shape and rate."""
        return self.belief.prior

    @property
    def statistics(self) -> LinearStatistics:
        """The sums over all rounds learnt."""
        return self.belief.statistics

    @statistics.setter
    def statistics(self, statistics: LinearStatistics) -> None:
        self.belief.statistics = statistics

    def expected_rewards(self, context: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of each action's expected reward, `(n_actions,)` each."""
        mean, scale = self.regression.expected_rewards(self.belief, context[None])
        return mean[0], scale[0]

    @abstractmethod
    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        """Unnormalised weights of many rounds, `(n_rounds, n_actions)`."""

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return np.asarray(self._distributions(context[None], eligible[None])[0])

    def learn_one(self, context: Floats, action: int, reward: float) -> None:
        """Add one round to the sums and carry the posterior along: what a stored and loaded policy has, to 1e-9."""
        x, posterior = self.regression.row(context, action)
        self.belief.learn_one(x, posterior, reward)

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Add the rounds' sums; the order of rounds does not matter."""
        self.belief.learn(*self.regression.rows(contexts, actions), rewards)

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Subtract the rounds' sums: exact up to rounding, the model is conjugate."""
        self.belief.unlearn(*self.regression.rows(contexts, actions), rewards)

    def merge(self, other: Self) -> None:
        """Add the other's sums. Raises `ValueError` when its prior is another one."""
        self.belief.merge(other.belief)

    def discount(self, weight: float) -> None:
        """Let each round learnt so far count `weight` times."""
        self.belief.discount(weight)

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, form, floor, exploration, prior. Arrays: the standardizer, actions' features, the sums."""
        manifest = {
            "kind": self.kind,
            "action_names": list(self.action_names),
            "input_names": list(self.input_names),
            "form": "shared" if isinstance(self.regression, Shared) else "disjoint",
            "floor": self.floor,
            "exploration": self.exploration,
            "prior": self.prior,
        }
        return Artifact(manifest, {**self.regression.arrays(), **vars(self.statistics.copy())})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest, arrays = artifact.manifest, artifact.arrays
        return cls(
            action_names=tuple(manifest["action_names"]),
            input_names=tuple(manifest["input_names"]),
            standardizer=Standardizer(arrays["center"], arrays["scale"]),
            action_features=arrays["action_features"] if manifest.get("form") == "shared" else None,
            floor=manifest["floor"],
            exploration=manifest.get("exploration"),
            statistics=LinearStatistics(arrays["count"], arrays["xx"], arrays["rx"], arrays["rr"]),
            **manifest["prior"],
        )
