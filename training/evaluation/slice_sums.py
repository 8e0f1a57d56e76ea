"""A slice of a log as sums that add over shards: what it earned, what the policy would have, and the paired difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.evaluation.dr import DR
from training.evaluation.errors import NoOverlapError
from training.evaluation.estimator import Estimate
from training.evaluation.evaluation import Undefined, estimate_or_reason
from training.evaluation.judgement import SliceFinding
from training.evaluation.moments import Moments
from training.evaluation.paired import Difference, PairedDifference
from training.evaluation.rounds import EvaluatedRounds

_DR = DR()
_PAIRED = PairedDifference(estimator=_DR)


@dataclass(frozen=True, kw_only=True)
class SliceSums:
    """Rounds, their summed reward, the moments of DR, and of the paired DR where there is another policy; None: no round."""

    n_rounds: int = 0
    reward: float = 0.0
    own: Moments | None = None
    paired: Moments | None = None

    @classmethod
    def of(cls, first: EvaluatedRounds, second: EvaluatedRounds | None) -> SliceSums:
        """The sums of these rounds under the policy and under the other one."""
        if first.n_rounds == 0:
            return cls()
        return cls(
            n_rounds=first.n_rounds,
            reward=float(first.rewards.sum()),
            own=_DR.add_up(first),
            paired=None if second is None else _PAIRED.add_up(first, second),
        )

    def __add__(self, other: SliceSums) -> SliceSums:
        return SliceSums(
            n_rounds=self.n_rounds + other.n_rounds,
            reward=self.reward + other.reward,
            own=_add(self.own, other.own),
            paired=_add(self.paired, other.paired),
        )

    def finding(self, name: str, level: float) -> SliceFinding:
        """What the sums say."""
        return SliceFinding(
            name=name,
            n_rounds=self.n_rounds,
            mean_reward=self.reward / self.n_rounds if self.n_rounds else math.nan,
            estimate=self._estimate(level),
            difference=self._difference(level),
        )

    def _estimate(self, level: float) -> Estimate | Undefined:
        if self.own is None:
            return Undefined(estimator=_DR.name, reason="no round to judge by")
        return estimate_or_reason(_DR, self.own, level)

    def _difference(self, level: float) -> Difference | None:
        try:
            return None if self.paired is None else _PAIRED.estimate(self.paired, level)
        except NoOverlapError:
            return None


def _add(one: Moments | None, other: Moments | None) -> Moments | None:
    if one is None or other is None:
        return one or other
    return one + other
