"""A small schema, a scorer that was trained on it, and decisions that saw what a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from features.schema import parse_schema
from models.artifact import Artifact
from training.drift.distribution import InputDistributions
from training.drift.monitored import Monitored, MonitoredModel
from training.evaluation.logged_vector import LoggedVector
from training.evaluation.round_labels import microseconds

SCHEMA = parse_schema(
    """
[views.rfm]
description = "orders"
freshness_days = 35
[views.rfm.features]
spend = { type = "float", default = nan, about = "paid" }
orders = { type = "float", default = 0.0, about = "orders" }
[views.profile]
description = "who"
freshness_days = 35
[views.profile.features]
zone = { type = "string", default = "", about = "zone" }
tenure = { type = "float", default = nan, about = "days" }
"""
)
STARTS = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def drawn(rng: np.random.Generator, n: int) -> np.ndarray:
    """Features as training saw them: skewed, mostly small counts, known for nine in ten."""
    spend, orders = rng.lognormal(10, 1, n), rng.poisson(0.7, n).astype(float)
    tenure = np.where(rng.random(n) < 0.1, np.nan, 300 * rng.random(n))
    return np.column_stack([spend, orders, tenure])


def monitored(seed: int = 0, n: int = 4_000) -> Monitored:
    """One scorer, `churn_risk`, that reads all three features and the hour, which no vector holds."""
    rng = np.random.default_rng(seed)
    rows = np.column_stack([drawn(rng, n), rng.integers(24, size=n), rng.random(n)])
    names = ("spend", "orders", "tenure", "local_hour", "churn_risk")
    artifact = InputDistributions.of(names, rows, n).carried_by(Artifact({"name": "churn_risk"}))
    return Monitored(models=(MonitoredModel.of("churn_risk", artifact),), schema=SCHEMA)


def decisions(
    watched: Monitored, values: np.ndarray, hours_apart: float = 1.0, **changed
) -> list[LoggedVector]:
    """One decision a row, each of another customer, in two journeys, scored by the monitored version."""
    versions: Mapping[str, str] = {
        "features": watched.schema_version,
        "churn_risk": watched.models[0].digest,
    }
    scores = np.random.default_rng(len(values)).random(len(values))
    rows = [
        LoggedVector(
            decision_id=f"{place:08d}",
            customer_id=f"c{place}",
            journey=("wheel", "cart")[place % 2],
            decided_at_us=microseconds(STARTS + timedelta(hours=hours_apart * place)),
            features=each,
            scores={"churn_risk": float(scores[place])},
            degraded=(),
            versions=versions,
        )
        for place, each in enumerate(values)
    ]
    return [replace(row, **changed) for row in rows] if changed else rows
