"""A coupon policy for each journey: they begin alike and learn apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from models.artifact import Artifact
from models.context import Standardizer
from models.coupon import CouponThompson
from models.feedback import Booleans, Floats, Integers
from models.inputs import JOURNEY
from models.linear_statistics import LinearStatistics
from models.policy import Policy

UNTOLD: Final = 0.0
"""Stands for the journey of rounds that do not tell theirs."""
_START: Final = "start_"


@dataclass(frozen=True)
class SumsByJourney:
    """The sums of each journey by its number (`models.inputs.journey_number`); a journey without any has no part."""

    parts: Mapping[float, LinearStatistics]

    def __add__(self, other: SumsByJourney) -> SumsByJourney:
        total = dict(self.parts)
        for journey, sums in other.parts.items():
            total[journey] = total[journey] + sums if journey in total else sums
        return SumsByJourney(total)

    def __sub__(self, other: SumsByJourney) -> SumsByJourney:
        return self + other.scaled(-1.0)

    def scaled(self, weight: float) -> SumsByJourney:
        """Each round counted `weight` times."""
        return SumsByJourney({journey: sums.scaled(weight) for journey, sums in self.parts.items()})


class CouponByJourney(Policy):
    """`CouponThompson` once a journey. All start from one, which may know simulated rounds; each learns its own alone.

    Why apart: what an order within the window of a reward is worth, and how many come anyway, differ by journey as windows
    and customers do. One regression over all of them takes those differences for the effect of the sizes that a journey
    prefers. A journey without a round, never seen before say, is decided by the start itself.

    The journey's number is the last input; rounds without it teach whoever is decided for without it. Sums add up journey by
    journey, so that shards merge and rounds are taken back as in the policies themselves.
    """

    kind = "coupon_by_journey"
    same_in_company = True

    def __init__(self, *, start: CouponThompson, statistics: SumsByJourney | None = None) -> None:
        inputs = (*start.input_names, JOURNEY)
        super().__init__(action_names=start.action_names, input_names=inputs, floor=start.floor)
        self.start = start
        self.statistics = statistics or SumsByJourney({})
        self._asked: tuple[SumsByJourney, dict[float, CouponThompson]] = (self.statistics, {})

    @property
    def standardizer(self) -> Standardizer:
        """Centre and scale of the inputs that are scaled, the same for every journey."""
        return self.start.standardizer

    def of_journey(self, number: float) -> CouponThompson:
        """The policy of the journey of this number; the start where it has learnt nothing."""
        if self._asked[0] is not self.statistics:
            self._asked = (self.statistics, {})
        policies = self._asked[1]
        if number not in policies:
            sums = self.statistics.parts.get(number)
            if sums is None:
                return self.start
            policies[number] = self.start.clone()
            policies[number].statistics += sums
        return policies[number]

    def make_ready(self) -> None:
        """The same of the start and of every journey's policy."""
        self.start.make_ready()
        for number in self.statistics.parts:
            self.of_journey(number).make_ready()

    def customer_class(self, context: Floats) -> dict[str, float]:
        """What `CouponThompson.customer_class` tells, by the journey's own policy."""
        return self._asked_by(context).customer_class(context[:-1])

    def _distribution(self, context: Floats, eligible: Booleans) -> Floats:
        return self._asked_by(context)._distribution(context[:-1], eligible)

    def _distributions(self, contexts: Floats, eligible: Booleans) -> Floats:
        journeys, weights = _journeys(contexts), np.empty(eligible.shape)
        for journey in set(journeys.tolist()):
            mine = journeys == journey
            weights[mine] = self.of_journey(journey)._distributions(contexts[mine, :-1], eligible[mine])
        return weights

    def _asked_by(self, context: Floats) -> CouponThompson:
        return self.of_journey(float(_journeys(context[None])[0]))

    def sums(self, contexts: Floats, actions: Integers, rewards: Floats) -> SumsByJourney:
        """What `learn_many` adds."""
        journeys, parts = _journeys(contexts), {}
        for journey in np.unique(journeys).tolist():
            mine = journeys == journey
            parts[journey] = self.start.sums(contexts[mine, :-1], actions[mine], rewards[mine])
        return SumsByJourney(parts)

    def learn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Add the rounds' sums, each to its journey's."""
        self.statistics += self.sums(contexts, actions, rewards)

    def unlearn_many(self, contexts: Floats, actions: Integers, rewards: Floats) -> None:
        """Subtract the rounds' sums: exact up to rounding."""
        self.statistics -= self.sums(contexts, actions, rewards)

    def merge(self, other: Self) -> None:
        """Add the other's sums. Raises `ValueError` when its start has another prior."""
        if other.start.prior != self.start.prior:
            raise ValueError(f"a shard has the prior {other.start.prior}; wanted {self.start.prior}")
        self.statistics += other.statistics

    def discount(self, weight: float) -> None:
        """Let each round learnt so far count `weight` times, those of the start, too."""
        self.start.discount(weight)
        self.statistics = self.statistics.scaled(weight)

    def to_artifact(self) -> Artifact:
        """Manifest: the start's with another kind and names. Arrays: the start's as `start_...`, the sums by journey."""
        start, parts = self.start.to_artifact(), self.statistics.parts
        journeys = sorted(parts)
        none = vars(LinearStatistics.empty(*self.start.statistics.rx.shape))
        sums = {
            name: np.array([vars(parts[journey])[name] for journey in journeys]).reshape(-1, *empty.shape)
            for name, empty in none.items()
        }
        return Artifact(
            {**start.manifest, **self._manifest()},
            {
                **{_START + name: array for name, array in start.arrays.items()},
                "journeys": np.array(journeys, dtype=np.float64),
                **sums,
            },
        )

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        arrays, manifest = artifact.arrays, artifact.manifest
        names = [field.name for part in (Standardizer, LinearStatistics) for field in fields(part)]
        start = {name: arrays[_START + name] for name in names}
        told = {**manifest, "kind": CouponThompson.kind, "input_names": manifest["input_names"][:-1]}
        sums = LinearStatistics.of_arrays(arrays)
        return cls(
            start=CouponThompson.from_artifact(Artifact(told, start)),
            statistics=SumsByJourney(
                {
                    journey: LinearStatistics(*(each[place] for each in vars(sums).values()))
                    for place, journey in enumerate(arrays["journeys"].tolist())
                }
            ),
        )


def _journeys(contexts: Floats) -> Floats:
    """The number of each round's journey, `(n_rounds,)`."""
    return np.where(np.isnan(contexts[:, -1]), UNTOLD, contexts[:, -1])
