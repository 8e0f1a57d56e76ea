"""Thompson sampling over Bayesian linear regressions, with exact choice probabilities."""

from __future__ import annotations

from models.feedback import Booleans, Floats
from models.linear_policy import LinearPolicy


class LinearThompson(LinearPolicy):
    """Chooses each action as probably as its expected reward is the largest under the posterior.

    The expected reward of action a in context x is taken as N(xᵀm_a, v²·σ_a²·xᵀΛ_a⁻¹x), σ_a² at its posterior mean and v the
    `exploration` (1: the posterior as it is). The exact marginal is a Student t with 2a degrees of freedom and the same
    variance; the normal stands in for it, since it changes a probability by no more than 0.07 before the first round, 0.015
    after ten rounds an action, 0.0015 after a hundred and 0.00015 after a thousand (less than any usual floor), while the
    distribution function of t takes six times as long and its tails more nodes.

    Disjoint posteriors are independent, so the probability of each being the largest is a one-dimensional integral
    (`quadrature`); shared ones are correlated, and the probability is a share of a fixed number of draws (`regression`).
    Either way the action is sampled from the computed probabilities, so the logged propensity is exact.
    Source: Agrawal and Goyal (2013), Thompson Sampling for Contextual Bandits with Linear Payoffs, algorithm 1 (there with
    one shared θ and a fixed noise scale).
    """

    kind = "linear_thompson"

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return self.regression.win_shares_of_one(self.belief, context, eligible, self._width)

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        return self.regression.win_shares(self.belief, contexts, eligible, self._width)

    @property
    def _width(self) -> float:
        return max(self.exploration, 1e-9)
