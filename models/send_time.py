"""Thompson sampling over the hours of a day that share one posterior."""

from __future__ import annotations

from typing import Self

import numpy as np

from models.artifact import Artifact
from models.belief_policy import BeliefPolicy
from models.context import cut
from models.feedback import Floats
from models.linear_statistics import LinearStatistics
from models.regression import Shared

HOURS = 24
ACTIVITY = tuple(f"activity_by_hour_{hour:02d}" for hour in range(HOURS))
INPUTS = ("local_hour", *ACTIVITY)
FEATURES = (
    "constant",
    "own_activity",
    "population_activity",
    "cos_day",
    "sin_day",
    "cos_half",
    "sin_half",
    "wait",
    "now",
)
_OWN, _WAIT, _NOW = map(FEATURES.index, ("own_activity", "wait", "now"))
_HOURS = np.arange(HOURS)


class SendTimeThompson(BeliefPolicy):
    """Linear Thompson sampling over features of (context, hour): slots lend each other strength.

    Actions are the local hours "00" to "23"; hour a stands for its next occurrence. Its features φ(x, a) are the customer's
    own activity in that hour and the population's (each as share·24 - 1, so that an even day is 0), two harmonics of the
    day, the wait (hours/24; half a day where the current hour is unknown) and whether it is the current hour. Where the
    customer's profile is unknown the population's stands in. One posterior makes the slots' expected rewards correlated,
    so probabilities are the shares in which each slot wins over a fixed set of posterior draws (`regression.Shared`); the
    action is sampled from those shares, so the logged propensity is exact. The prior on every effect is centred on 0: an
    hour earns its preference.

    population `(24,)`: the share of all customers' actions in each local hour. Raises `ValueError` where it is none.
    """

    kind = "send_time_thompson"
    same_in_company = True

    def __init__(
        self,
        *,
        population: Floats,
        floor: float = 0.005,
        ridge: float = 50.0,
        shape: float = 2.0,
        rate: float = 0.1,
        statistics: LinearStatistics | None = None,
    ) -> None:
        if population.shape != (HOURS,) or not (np.isfinite(population) & (population >= 0)).all():
            raise ValueError(
                f"found the shares {population.tolist()} of hours; wanted {HOURS} finite ones, none below 0"
            )
        names = tuple(f"{hour:02d}" for hour in range(HOURS))
        super().__init__(
            action_names=names,
            input_names=INPUTS,
            floor=floor,
            regression=Shared(features=self.action_features, n_actions=HOURS, n_features=len(FEATURES)),
            ridge=ridge,
            shape=shape,
            rate=rate,
            statistics=statistics,
        )
        self.population = population
        angle = 2 * np.pi * _HOURS / HOURS
        harmonics = (np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle))
        nothing = np.zeros(HOURS)
        columns = (np.ones(HOURS), nothing, cut(population * HOURS - 1), *harmonics, nothing, nothing)
        self._same_for_all = np.stack(columns, axis=-1)

    def action_features(self, contexts: Floats) -> Floats:
        """φ of every slot, `(n_rounds, 24, n_features)` for contexts `(n_rounds, 25)`."""
        now, own = contexts[:, :1], contexts[:, 1:]
        own = np.where(np.isnan(own), self.population, own)
        wait = np.where(np.isnan(now), HOURS / 2, (_HOURS - now) % HOURS)
        features = np.empty((len(contexts), HOURS, len(FEATURES)))
        features[:] = self._same_for_all
        features[:, :, _OWN] = cut(own * HOURS - 1)
        features[:, :, _WAIT] = wait / HOURS
        features[:, :, _NOW] = wait == 0
        return features

    def to_artifact(self) -> Artifact:
        """Manifest: kind, names, floor, prior. Arrays: the population's curve and the sums."""
        manifest = {
            **self._manifest(),
            "prior": self.prior,
        }
        return Artifact(manifest, {"population": self.population, **vars(self.statistics.copy())})

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """The policy that `to_artifact` wrote. Raises `ArtifactError` for another kind."""
        artifact.require(cls.kind)
        arrays = artifact.arrays
        return cls(
            population=arrays["population"],
            floor=artifact.manifest["floor"],
            statistics=LinearStatistics.of_arrays(arrays),
            **artifact.manifest["prior"],
        )
