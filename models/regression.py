"""How a linear policy's regressions see a round: one an action, or one that all actions share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from models.belief import Belief
from models.context import LIMIT, Standardizer
from models.exact_sum import on_grid
from models.feedback import Booleans, Floats, Integers
from models.linear_statistics import LinearStatistics
from models.quadrature import thompson_probabilities_many, thompson_weights
from models.win_counts import win_counts

DRAWS = 512
_SEED = 20171101
_FEW = 256  # rounds at a time, so that their products stay in the processor's cache
_TOGETHER = 8  # the same, of rounds with their draws
_LEAST_VARIANCE = 1e-18


class Regression(ABC):
    """Turns rounds into design vectors and a belief into each action's expected reward."""

    @abstractmethod
    def empty_statistics(self) -> LinearStatistics:
        """The sums of no rounds."""

    @abstractmethod
    def rows(self, contexts: Floats, actions: Integers) -> tuple[Floats, Integers]:
        """Each round's design vector `(n_rounds, d)` and the posterior that it teaches `(n_rounds,)`."""

    @abstractmethod
    def expected_rewards(self, belief: Belief, contexts: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of each expected reward, `(n_rounds, n_actions)` each."""

    @abstractmethod
    def win_shares(self, belief: Belief, contexts: Floats, eligible: Booleans, width: float) -> Floats:
        """How probably each action's expected reward is the largest, standard deviations times `width`."""

    @abstractmethod
    def row(self, context: Floats, action: int) -> tuple[Floats, int]:
        """`rows` of one round."""

    @abstractmethod
    def expected_rewards_of_one(self, belief: Belief, context: Floats) -> tuple[Floats, Floats]:
        """`expected_rewards` of one round, `(n_actions,)` each, in arrays of their own."""

    @abstractmethod
    def win_shares_of_one(self, belief: Belief, context: Floats, eligible: Booleans, width: float) -> Floats:
        """`win_shares` of one round, `(n_actions,)`, not normalised."""


class Disjoint(Regression):
    """One regression an action on the same design: E[r | x, a] = xᵀθ_a, the θ_a independent."""

    def __init__(self, *, standardizer: Standardizer, n_actions: int) -> None:
        self.standardizer = standardizer
        self.n_actions = n_actions

    def empty_statistics(self) -> LinearStatistics:
        """The sums of no rounds."""
        return LinearStatistics.empty(self.n_actions, len(self.standardizer.center) + 1)

    def rows(self, contexts: Floats, actions: Integers) -> tuple[Floats, Integers]:
        """Each round's design vector and its action."""
        return self.standardizer.design(contexts), actions

    def expected_rewards(self, belief: Belief, contexts: Floats) -> tuple[Floats, Floats]:
        """xᵀm_a and √(σ_a²·xᵀΛ_a⁻¹x)."""
        x = self.standardizer.design(contexts)
        posterior = belief.posterior
        spread = np.empty((len(x), self.n_actions))
        for start in range(0, len(x), _FEW):
            part = x[start : start + _FEW]
            products = part @ posterior.inverse
            spread[start : start + _FEW] = np.einsum("knd,nd->nk", products, part)
        variance = posterior.noise_variance * spread
        return x @ posterior.mean.T, np.sqrt(np.maximum(variance, _LEAST_VARIANCE))

    def expected_rewards_of_one(self, belief: Belief, context: Floats) -> tuple[Floats, Floats]:
        """The same, without the detours that many rounds need."""
        x = self.standardizer.design(context)
        posterior = belief.posterior
        scale: Floats = posterior.inverse.reshape(-1, len(x)).dot(x).reshape(self.n_actions, -1).dot(x)
        scale *= posterior.noise_variance
        np.maximum(scale, _LEAST_VARIANCE, out=scale)
        np.sqrt(scale, out=scale)
        return posterior.mean.dot(x), scale

    def win_shares(self, belief: Belief, contexts: Floats, eligible: Booleans, width: float) -> Floats:
        """By quadrature: the posteriors are independent."""
        mean, scale = self.expected_rewards(belief, contexts)
        return thompson_probabilities_many(np.where(eligible, mean, -np.inf), width * scale)

    def row(self, context: Floats, action: int) -> tuple[Floats, int]:
        """The round's design vector and its action."""
        return self.standardizer.design(context), action

    def win_shares_of_one(self, belief: Belief, context: Floats, eligible: Booleans, width: float) -> Floats:
        """By quadrature, without the detours that many rounds need."""
        mean, scale = self.expected_rewards_of_one(belief, context)
        scale *= width
        if np.count_nonzero(eligible) < self.n_actions:
            mean[~eligible] = -np.inf
        return thompson_weights(mean, scale)


class Shared(Regression):
    """One regression on features of (context, action): E[r | x, a] = φ(x, a)ᵀθ. An action learns from rounds of others.

    `features` maps contexts `(n_rounds, n_inputs)` to φ of every action, `(n_rounds, n_actions, n_features)`, none of them
    beyond ±`limit`.
    """

    def __init__(
        self, *, features: Callable[[Floats], Floats], n_actions: int, n_features: int, limit: float = LIMIT
    ) -> None:
        self.features = features
        self.limit = limit
        self.n_actions = n_actions
        self.n_features = n_features
        self._drawn: tuple[Belief, int, float, Floats] | None = None

    def empty_statistics(self) -> LinearStatistics:
        """The sums of no rounds."""
        return LinearStatistics.empty(1, self.n_features)

    def rows(self, contexts: Floats, actions: Integers) -> tuple[Floats, Integers]:
        """φ of each round's action; all teach the one posterior."""
        return self.features(contexts)[np.arange(len(actions)), actions], np.zeros_like(actions)

    def expected_rewards(self, belief: Belief, contexts: Floats) -> tuple[Floats, Floats]:
        """φᵀm and √(σ²·φᵀΛ⁻¹φ)."""
        features, posterior = self.features(contexts), belief.posterior
        spread = np.einsum("nkd,nkd->nk", features @ posterior.inverse[0], features)
        variance = posterior.noise_variance[0] * spread
        return features @ posterior.mean[0], np.sqrt(np.maximum(variance, _LEAST_VARIANCE))

    def win_shares(self, belief: Belief, contexts: Floats, eligible: Booleans, width: float) -> Floats:
        """The shares of a fixed set of `DRAWS` posterior draws: one θ makes the expected rewards correlated."""
        draws = self._draws(belief, width)
        features = on_grid(self.features(contexts), self.limit, self.n_features)
        wins = np.zeros(eligible.shape)
        for start in range(0, len(features), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            _count_wins(draws, features[part], eligible[part], wins[part])
        return wins

    def row(self, context: Floats, action: int) -> tuple[Floats, int]:
        """φ of the round's action."""
        return self.features(context[None])[0, action], 0

    def expected_rewards_of_one(self, belief: Belief, context: Floats) -> tuple[Floats, Floats]:
        """The same of one round."""
        mean, scale = self.expected_rewards(belief, context[None])
        return mean[0], scale[0]

    def win_shares_of_one(self, belief: Belief, context: Floats, eligible: Booleans, width: float) -> Floats:
        """The same of one round, to the bit."""
        wins: Floats = self.win_shares(belief, context[None], eligible[None], width)[0]
        return wins

    def _draws(self, belief: Belief, width: float) -> Floats:
        """Draws of θ, `(d, DRAWS)`: one fixed set of normals, scaled by the posterior and `width`, around its mean.

        On a grid, as are the features, so that a decision's shares do not depend on what is decided beside it.
        """
        drawn = self._drawn
        if drawn is None or drawn[0] is not belief or drawn[1:3] != (belief.version, width):
            posterior = belief.posterior
            root = np.linalg.cholesky(posterior.noise_variance[0] * posterior.inverse[0])
            uniforms = np.random.Generator(np.random.PCG64(_SEED)).random((DRAWS, len(root)))
            draws = posterior.mean[0] + width * (ndtri(uniforms) @ root.T)
            draws = on_grid(np.ascontiguousarray(draws.T), np.abs(draws).max(), self.n_features)
            drawn = self._drawn = (belief, belief.version, width, draws)
        return drawn[3]


def _count_wins(draws: Floats, features: Floats, eligible: Booleans, wins: Floats) -> None:
    """Note in how many of the draws `(d, DRAWS)` of θ each action's φᵀθ is the largest of those eligible in its round.

    features `(n_rounds, n_actions, d)`; eligible, wins `(n_rounds, n_actions)`.
    """
    some = np.logical_or.reduce(eligible, axis=0)
    if not some.all():  # most rounds that are decided together have the same hours
        features, eligible = features[:, some], eligible[:, some]
    n_rounds, n_actions, d = features.shape
    scores = features.reshape(-1, d).dot(draws).reshape(n_rounds, n_actions, DRAWS)
    if not eligible.all():
        scores[~eligible] = -np.inf
    wins[:, some] = win_counts(scores)


def crossed(standardizer: Standardizer, action_features: Floats) -> Shared:
    """The shared regression on φ(x, a) = x ⊗ (1, g_a).

    g `(n_actions, n_action_features)`: what actions have in common, as an amount or a kind.
    """
    factors = np.concatenate([np.ones((len(action_features), 1)), action_features], axis=1)
    n_actions, n_features = len(factors), (len(standardizer.center) + 1) * factors.shape[1]

    def features(contexts: Floats) -> Floats:
        x = standardizer.design(contexts)
        products = x[:, None, None, :] * factors[None, :, :, None]
        return np.asarray(products.reshape(len(x), n_actions, n_features))

    limit = LIMIT * float(np.abs(factors).max())
    return Shared(features=features, n_actions=n_actions, n_features=n_features, limit=limit)
