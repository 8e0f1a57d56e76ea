"""From a data set to fitted, judged and registered scorers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from features.offline import build_snapshots
from features.schema import load_schema
from models.artifact import Artifact
from training.dataset import FeatureRows, Orders, read_features, read_orders
from training.feature_store import apply, open_store
from training.importing.dataset import DatasetManifest, dataset_folder, read_manifest
from training.learnable import learnable_columns
from training.schedule import Schedule, plan_schedule
from training.scorers.fit import FittedScorer, fit_scorer
from training.scorers.judge import Verdict, judge
from training.scorers.spec import ScorerSpec


@dataclass(frozen=True, kw_only=True)
class ScorerRun:
    """One scorer with everything that is to be told of it."""

    dataset: DatasetManifest
    schedule: Schedule
    fitted: FittedScorer
    verdict: Verdict
    artifact: Artifact

    @property
    def spec(self) -> ScorerSpec:
        """What it predicts."""
        return self.fitted.spec


def fit_scorers(
    var: Path, dataset: str, specs: Sequence[ScorerSpec], *, test_as_of: datetime | None = None
) -> list[ScorerRun]:
    """Each scorer fitted and judged on the data set.

    Features come from Feast, over snapshots of their own (`<var>/training/<dataset>`): the served ones stay as they are.
    Raises `DatasetError`, `TooLittleDataError`.
    """
    folder = dataset_folder(var, dataset)
    manifest, orders = read_manifest(folder), read_orders(folder)
    schedules = [
        plan_schedule(orders.first_at, orders.last_at, spec.horizon_days, test_as_of=test_as_of)
        for spec in specs
    ]
    rows = schedule_features(var / "training" / dataset, folder, orders, manifest, schedules)
    return [
        _fit_one(spec, schedule, manifest, orders, rows)
        for spec, schedule in zip(specs, schedules, strict=True)
    ]


def schedule_features(
    work: Path, folder: Path, orders: Orders, manifest: DatasetManifest, schedules: Sequence[Schedule]
) -> FeatureRows:
    """The features of every customer at every date of the schedules, from snapshots and a Feast registry in `work`."""
    schema = load_schema()
    as_ofs = sorted({as_of for schedule in schedules for as_of in schedule.as_ofs})
    build_snapshots(folder, as_ofs, work / "snapshots")
    apply(work / "feast", work / "snapshots")
    columns = learnable_columns(schema, manifest.simulated)
    return read_features(open_store(work / "feast"), orders, as_ofs, schema=schema, column_names=columns)


def _fit_one(
    spec: ScorerSpec, schedule: Schedule, manifest: DatasetManifest, orders: Orders, rows: FeatureRows
) -> ScorerRun:
    fitted = fit_scorer(spec, rows.labelled(orders, schedule.trained, spec.horizon_days))
    tested = rows.labelled(orders, [schedule.tested], spec.horizon_days)
    later = rows.labelled(orders, schedule.tested_later, spec.horizon_days)
    verdict = judge(fitted, tested, later)
    artifact = fitted.artifact(_facts(schedule, manifest, verdict))
    return ScorerRun(dataset=manifest, schedule=schedule, fitted=fitted, verdict=verdict, artifact=artifact)


def _facts(schedule: Schedule, manifest: DatasetManifest, verdict: Verdict) -> dict[str, Any]:
    return {
        "schema_digest": load_schema().digest,
        "trained_as_ofs": [as_of.isoformat() for as_of in schedule.trained],
        "tested_as_of": schedule.tested.isoformat(),
        "metrics": verdict.metrics,
        "data_fingerprint": manifest.fingerprint,
        "currency": manifest.currency,
    }
