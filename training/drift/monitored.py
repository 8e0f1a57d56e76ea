"""The inputs of registered models as one list, and what decisions saw in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.schema import Schema
from models.artifact import Artifact
from models.feedback import Booleans, Floats
from models.inputs import SCORES
from training.drift.distribution import InputDistributions, bin_places
from training.evaluation.errors import LogError
from training.evaluation.logged_vector import LoggedVector, schema_version

DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class MonitoredModel:
    """A registered model: its name, its artifact's digest, what it was trained on, and how far a scorer looks (else 0)."""

    name: str
    digest: str
    trained: InputDistributions
    horizon_days: int = 0

    @classmethod
    def of(cls, name: str, artifact: Artifact) -> MonitoredModel:
        """The model in an artifact. Raises: `NoDistributionError`."""
        return cls(
            name=name,
            digest=artifact.digest,
            trained=InputDistributions.read(artifact),
            horizon_days=artifact.manifest.get("horizon_days", 0),
        )


@dataclass(frozen=True, kw_only=True)
class MonitoredInput:
    """One input of one model: its place among the model's, and among the columns of a decision's values."""

    model: MonitoredModel
    name: str
    of_model: int
    of_values: int

    @property
    def is_own_score(self) -> bool:
        """Whether it is not what a scorer reads but what it says."""
        return self.name == self.model.name


@dataclass(frozen=True, kw_only=True)
class SeenValues:
    """Decisions in a row, `(n,)` each.

    values `(n, n_columns)`: the feature vector, then the scores. places and counted `(n, n_inputs)`: the bin of each input,
    and whether it counts: a score that another version of the scorer gave does not.
    """

    values: Floats
    places: NDArray[np.intp]
    counted: Booleans
    journeys: tuple[str, ...]
    days: tuple[int, ...]
    customers: NDArray[np.object_]
    degraded: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """Models, and the schema of the vectors that they read; inputs that no vector holds, such as the hour, are left out."""

    models: tuple[MonitoredModel, ...]
    schema: Schema

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a decision's values."""
        return (*self.schema.columns, *SCORES)

    @cached_property
    def inputs(self) -> tuple[MonitoredInput, ...]:
        """Every input of every model."""
        places = {name: place for place, name in enumerate(self.columns)}
        return tuple(
            MonitoredInput(model=model, name=name, of_model=place, of_values=places[name])
            for model in self.models
            for place, name in enumerate(model.trained.names)
            if name in places
        )

    @cached_property
    def schema_version(self) -> str:
        """How a decision names the schema."""
        return schema_version(self.schema)

    def see(self, rows: Sequence[LoggedVector]) -> SeenValues:
        """What these decisions saw. Raises: `LogError` for a vector that is not the schema's."""
        values = self._values(rows)
        chosen = values[:, [each.of_values for each in self.inputs]]
        return SeenValues(
            values=values,
            places=bin_places(chosen, self._edges),
            counted=self._counted(rows),
            journeys=tuple(row.journey for row in rows),
            days=tuple(row.decided_at_us // DAY_US for row in rows),
            customers=np.array([row.customer_id for row in rows], dtype=np.object_),
            degraded=tuple(row.degraded for row in rows),
        )

    @cached_property
    def _edges(self) -> Floats:
        return np.array([each.model.trained.edges[each.of_model] for each in self.inputs])

    def _values(self, rows: Sequence[LoggedVector]) -> Floats:
        width = len(self.schema.columns)
        for row in rows:
            if len(row.features) != width:
                raise LogError(
                    f"decision {row.decision_id} saw {len(row.features)} features; its schema has {width}"
                )
        scores = [[row.scores.get(name, np.nan) for name in SCORES] for row in rows]
        return np.column_stack([np.array([row.features for row in rows]), np.array(scores, dtype=np.float64)])

    def _counted(self, rows: Sequence[LoggedVector]) -> Booleans:
        counted = np.ones((len(rows), len(self.inputs)), dtype=np.bool_)
        for place, each in enumerate(self.inputs):
            if each.is_own_score:
                counted[:, place] = [row.versions.get(each.name) == each.model.digest for row in rows]
        return counted
