"""What a policy is worth in the simulated world, where every action's expected reward is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.feedback import Floats
from models.policy import Policy
from training.simulation.rounds import SimulatedRounds


@dataclass(frozen=True, kw_only=True)
class KnownValue:
    """Mean expected reward per round of three policies, and the standard error over customers of two differences."""

    random: float
    policy: float
    optimum: float
    gain: float
    gain_se: float
    n_rounds: int

    @property
    def share_of_possible(self) -> float:
        """(policy - random) / (optimum - random): 0 at random's value, 1 at the optimum's."""
        return self.gain / (self.optimum - self.random)


def known_value(policy: Policy, rounds: SimulatedRounds) -> KnownValue:
    """The policy's true value on these contexts, beside that of choosing at random and of the best action each time.

    V(π) = 1/n Σ_i Σ_a π(a|x_i) μ(i, a): outcomes' noise has no part in it. `gain` is V(π) - V(random) and `gain_se` its
    standard error over the drawn customers, a customer's rounds taken as one cluster.
    """
    eligible = rounds.feedback.eligible
    probabilities = policy.probabilities_many(rounds.feedback.contexts, eligible)
    expected = np.where(eligible, rounds.expected, 0.0)
    policy_value = np.sum(probabilities * expected, axis=1)
    random_value = expected.sum(axis=1) / eligible.sum(axis=1)
    gains = policy_value - random_value
    return KnownValue(
        random=float(random_value.mean()),
        policy=float(policy_value.mean()),
        optimum=float(np.where(eligible, expected, -np.inf).max(axis=1).mean()),
        gain=float(gains.mean()),
        gain_se=_clustered_se(gains, rounds),
        n_rounds=len(gains),
    )


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How much more one policy is worth than another on the same contexts, with the standard error over customers."""

    value: float
    se: float


def known_lead(policy: Policy, other: Policy, rounds: SimulatedRounds) -> Lead:
    """V(policy) - V(other), paired context by context; a customer's rounds are one cluster."""
    contexts, eligible = rounds.feedback.contexts, rounds.feedback.eligible
    ahead = policy.probabilities_many(contexts, eligible) - other.probabilities_many(contexts, eligible)
    leads = np.sum(ahead * np.where(eligible, rounds.expected, 0.0), axis=1)
    return Lead(value=float(leads.mean()), se=_clustered_se(leads, rounds))


def _clustered_se(values: Floats, rounds: SimulatedRounds) -> float:
    deviations = np.bincount(rounds.customers, weights=values - values.mean())
    return float(np.sqrt(np.sum(deviations**2)) / len(values))
