"""Thompson sampling over one Bayesian logistic regression an action, for rewards between two bounds."""

from __future__ import annotations

import math
from typing import Self

import numpy as np

from models.artifact import Artifact
from models.context import Standardizer
from models.feedback import Booleans, Floats, Integers
from models.logistic_sites import LogisticSites
from models.policy import Policy
from models.quadrature import thompson_probabilities_many

_WITHIN = 1e-9


class LogisticThompson(Policy):
    """Disjoint logistic Thompson sampling: E[r | x, a] = low + (high - low)·σ(b + xᵀθ_a), the θ_a independent.

    For clicks and orders low is 0 and high 1 less what the message costs; a reward in between counts as that share of a
    success (a quasi-likelihood), so rewards are real numbers, but of a known range. Prefer `LinearThompson` where they have
    none, or where refunds and shards must be exact; this one where rates differ by factors rather than by differences.

    What is approximate: the posterior of θ_a is a normal at its mode, updated round by round (`LogisticSites`), so the order
    of rounds, merged shards and rounds taken back change it a little; taking back the round learnt last is exact. σ is
    increasing, so an action's expected reward is the largest as probably as its xᵀθ is, which is computed by quadrature over
    independent normals; the action is sampled from that, so the logged propensity is exact.

    ridge: the prior precision of each number of θ. base_share: σ(b), the share of successes expected beforehand. Give it
    for rare ones: a normal that is made at 1/2 is too sure of itself by the time it reaches 1/30. After 3,000 rounds at
    rates of 2 to 15 % the mode is off by up to 1.6 posterior standard deviations from 1/2, by up to 0.8 from 1/20.
    Source: Chapelle and Li (2011), An Empirical Evaluation of Thompson Sampling, algorithm 3 (there with a diagonal
    precision and updates in batches).
    """

    kind = "logistic_thompson"

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        standardizer: Standardizer,
        low: float = 0.0,
        high: float = 1.0,
        floor: float = 0.02,
        ridge: float = 1.0,
        base_share: float = 0.5,
        sites: LogisticSites | None = None,
    ) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        if not low < high:
            raise ValueError(f"rewards lie between {low} and {high}; wanted the first below the second")
        self.standardizer = standardizer
        self.low, self.high = low, high
        if not 0 < base_share < 1:
            raise ValueError(f"base_share is {base_share}; wanted between 0 and 1")
        self.sites = sites or LogisticSites.empty(
            self.n_actions,
            len(input_names) + 1,
            ridge=ridge,
            offset=math.log(base_share / (1 - base_share)),
        )

    @property
    def reward_bounds(self) -> tuple[float, float]:
        """low and high."""
        return self.low, self.high

    def expected_rewards(self, context: Floats) -> Floats:
        """Each action's expected reward at the posterior mode, `(n_actions,)`."""
        logits = self.sites.offset + self.sites.mean @ self.standardizer.design(context)
        return np.asarray(self.low + (self.high - self.low) / (1 + np.exp(-logits)))

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return np.asarray(self._distributions(context[None], eligible[None])[0])

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        x = self.standardizer.design(contexts)
        variance = np.einsum("knd,nd->nk", x @ self.sites.inverse, x)
        mean = np.where(eligible, x @ self.sites.mean.T, -np.inf)
        return thompson_probabilities_many(mean, np.sqrt(np.maximum(variance, 1e-18)))

    def _successes(self, rewards: Floats) -> list[float]:
        """Rewards as shares of a success. Raises `ValueError` for one outside of the bounds."""
        shares = (rewards - self.low) / (self.high - self.low)
        outside = (shares < -_WITHIN) | (shares > 1 + _WITHIN)
        if outside.any():
            found = float(rewards[int(np.argmax(outside))])
            raise ValueError(f"a reward is {found}; wanted {self.low} to {self.high}, as the policy was made")
        return [min(max(share, 0.0), 1.0) for share in shares.tolist()]

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Learn the rounds one by one, in their order."""
        designs, shares = self.standardizer.design(contexts), self._successes(rewards)
        for x, action, share in zip(designs, actions.tolist(), shares, strict=True):
            self.sites.add(x, action, share)
        if len(shares) > 1:
            self.sites.settle()

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Take the rounds back, the last first: exact for what was learnt last, approximate for older rounds."""
        designs, shares = self.standardizer.design(contexts), self._successes(rewards)
        for x, action, share in zip(designs[::-1], actions.tolist()[::-1], shares[::-1], strict=True):
            self.sites.remove(x, action, share)

    def merge(self, other: Self) -> None:
        """Add the other's sites. Raises `ValueError` when its bounds or its prior are others."""
        if (other.low, other.high) != (self.low, self.high):
            raise ValueError(
                f"a shard's rewards lie in {(other.low, other.high)}; wanted {(self.low, self.high)}"
            )
        self.sites.merge(other.sites)

    def discount(self, weight: float) -> None:
        """Let each site count `weight` times."""
        self.sites.scale(weight)

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, bounds, floor, prior. Arrays: the standardizer and the sites' sums."""
        manifest = {
            **self._manifest(),
            "bounds": [self.low, self.high],
            "prior": {"ridge": self.sites.ridge, "offset": self.sites.offset},
        }
        return Artifact(manifest, {**vars(self.standardizer), **self.sites.arrays()})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        manifest, arrays = artifact.manifest, artifact.arrays
        low, high = manifest["bounds"]
        return cls(
            **cls._named_in(manifest),
            standardizer=Standardizer(arrays["center"], arrays["scale"]),
            low=low,
            high=high,
            sites=LogisticSites(
                count=arrays["count"],
                curvature=arrays["curvature"],
                shift=arrays["shift"],
                **manifest["prior"],
            ),
        )
