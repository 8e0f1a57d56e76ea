"""The simulated world of a data set together with what the service would know of its customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from features.schema import Schema
from models.feedback import Floats
from training.importing.dataset import read_manifest
from training.simulation.audience import Audience, Scores, read_audience
from training.simulation.calibration import calibrate
from training.simulation.formation import form_world
from training.simulation.shop import read_shop
from training.simulation.traits import population_curve
from training.simulation.world import World


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The world, what the service would know of its customers, the hours they order in `(24,)`, and which data they are."""

    world: World
    audience: Audience
    population: Floats
    fingerprint: str
    currency: str


def open_stage(
    dataset: Path,
    snapshots: Path,
    schema: Schema,
    scorers: Mapping[str, Scores],
    *,
    as_of: datetime,
    seed: int,
) -> Stage:
    """The world of the data set's customers as they were at `as_of`, the time of one of the feature snapshots.

    It is calibrated to the talk's rates on these customers.

    Raises: `AudienceError` when scorers or snapshot are missing, `SimulationError` when there are no orders.
    """
    manifest = read_manifest(dataset)
    audience = read_audience(snapshots, schema, scorers, as_of=as_of)
    shop = read_shop(dataset).of_customers(audience.customer_ids).before(as_of)
    population = population_curve(shop)
    return Stage(
        world=calibrate(form_world(shop, habit_at=as_of, seed=seed), audience, population),
        audience=audience,
        population=population,
        fingerprint=manifest.fingerprint,
        currency=manifest.currency,
    )
