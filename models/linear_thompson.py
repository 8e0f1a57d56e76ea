"""Thompson sampling over one Bayesian linear regression an action, with exact choice probabilities."""

from __future__ import annotations

from typing import Self

import numpy as np

from models.artifact import Artifact
from models.context import Standardizer
from models.feedback import Booleans, Floats, Integers
from models.linear_statistics import LinearStatistics, NormalInverseGamma
from models.policy import Policy
from models.quadrature import thompson_probabilities


class LinearThompson(Policy):
    """Disjoint linear Thompson sampling: each action's reward is rᵀ = xᵀθ_a + noise with a posterior of its own.

    The expected reward of action a in context x is taken as N(xᵀm_a, σ_a²·xᵀΛ_a⁻¹x), σ_a² at its posterior mean (the exact
    marginal is a Student t with 2a degrees of freedom, the same to 1e-3 from some hundred rounds on). The posteriors are
    independent, so the probability of each being the largest is a one-dimensional integral (`quadrature`), and the action
    is sampled from that: the logged propensity is exact.

    `ridge`, `shape`, `rate` are the prior (`NormalInverseGamma`). Rewards are real numbers of one unit, `reward_unit`.
    Source: Agrawal and Goyal (2013), Thompson Sampling for Contextual Bandits with Linear Payoffs, algorithm 1 (there with
    one shared θ and a fixed noise scale).
    """

    kind = "linear_thompson"

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        standardizer: Standardizer,
        floor: float = 0.02,
        ridge: float = 1.0,
        shape: float = 2.0,
        rate: float = 1.0,
        statistics: LinearStatistics | None = None,
    ) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        self.standardizer = standardizer
        self.prior = {"ridge": ridge, "shape": shape, "rate": rate}
        self.statistics = statistics or LinearStatistics.empty(self.n_actions, len(input_names) + 1)
        self._posterior: NormalInverseGamma | None = None

    @property
    def posterior(self) -> NormalInverseGamma:
        """The posterior of what was learnt so far; computed on first use after learning."""
        if self._posterior is None:
            self._posterior = NormalInverseGamma.of(self.statistics, **self.prior)
        return self._posterior

    def expected_rewards(self, context: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of each action's expected reward, `(n_actions,)` each."""
        x = self.standardizer.design(context)
        posterior = self.posterior
        variance = posterior.noise_variance * ((posterior.inverse @ x) @ x)
        return posterior.mean @ x, np.sqrt(np.maximum(variance, 1e-18))

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        mean, scale = self.expected_rewards(context)
        weights = np.zeros(self.n_actions)
        weights[eligible] = thompson_probabilities(mean[eligible], scale[eligible])
        return weights

    def _statistics_of(self, contexts: Floats, actions: Integers, rewards: Floats) -> LinearStatistics:
        return LinearStatistics.of(self.standardizer.design(contexts), actions, rewards, self.n_actions)

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Add the rounds' sums; the order of rounds does not matter."""
        self.statistics += self._statistics_of(contexts, actions, rewards)
        self._posterior = None

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Subtract the rounds' sums: exact up to rounding, the model is conjugate."""
        self.statistics -= self._statistics_of(contexts, actions, rewards)
        self._posterior = None

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, floor, prior. Arrays: the standardizer and the sums."""
        manifest = {
            "kind": self.kind,
            "action_names": list(self.action_names),
            "input_names": list(self.input_names),
            "floor": self.floor,
            "prior": self.prior,
        }
        return Artifact(manifest, {**vars(self.standardizer), **vars(self.statistics)})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest, arrays = artifact.manifest, artifact.arrays
        return cls(
            action_names=tuple(manifest["action_names"]),
            input_names=tuple(manifest["input_names"]),
            standardizer=Standardizer(arrays["center"], arrays["scale"]),
            floor=manifest["floor"],
            statistics=LinearStatistics(arrays["count"], arrays["xx"], arrays["rx"], arrays["rr"]),
            **manifest["prior"],
        )
