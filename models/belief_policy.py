"""What policies over Bayesian linear regressions share: how they learn, and Thompson sampling from their belief."""

from __future__ import annotations

from typing import Self

from models.belief import Belief
from models.feedback import Booleans, Floats, Integers
from models.linear_statistics import LinearStatistics
from models.policy import Policy
from models.regression import Regression


class BeliefPolicy(Policy):
    """A policy whose state is the sums of linear regressions: exact in any order, shards add, rounds can be taken back.

    `regression` says what a round teaches and which action wins; by default an action is chosen as probably as it wins.
    ridge, shape, rate: the prior (`NormalInverseGamma`); `rate` in squared units of the reward.
    """

    def __init__(
        self,
        *,
        action_names: tuple[str, ...],
        input_names: tuple[str, ...],
        floor: float,
        regression: Regression,
        ridge: float,
        shape: float,
        rate: float,
        statistics: LinearStatistics | None,
    ) -> None:
        super().__init__(action_names=action_names, input_names=input_names, floor=floor)
        self.regression = regression
        statistics = statistics or regression.empty_statistics()
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

    def sums(self, contexts: Floats, actions: Integers, rewards: Floats) -> LinearStatistics:
        """What `learn_many` adds to the statistics for these rounds."""
        return self.belief.sums(*self.regression.rows(contexts, actions), rewards)

    def expected_rewards(self, context: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and standard deviation of each action's expected reward, `(n_actions,)` each."""
        mean, scale = self.regression.expected_rewards(self.belief, context[None])
        return mean[0], scale[0]

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return self.regression.win_shares_of_one(self.belief, context, eligible, 1.0)

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        return self.regression.win_shares(self.belief, contexts, eligible, 1.0)

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
