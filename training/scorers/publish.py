"""A scorer's run in MLflow: everything that is to be told of it, and the registered version."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightgbm

from training.code_version import git_commit, source_digest
from training.places import Places
from training.registry import CHAMPION, ModelRegistry, Placing, RunRecord, open_registry, quiet_mlflow
from training.scorers.model_card import write_model_card
from training.scorers.picture import calibration_picture, importance_picture, lift_picture
from training.scorers.run import ScorerRun


def publish_scorers(
    places: Places, runs: Iterable[ScorerRun], *, alias: str = CHAMPION
) -> Iterator[tuple[str, Placing]]:
    """Each scorer's name and where it stands in the registry now."""
    registry, commit, sources = open_registry(places), git_commit(), source_digest()
    for run in runs:
        yield run.spec.name, publish_scorer(registry, run, commit=commit, sources=sources, alias=alias)


def publish_scorer(
    registry: ModelRegistry, run: ScorerRun, *, commit: str, sources: str, alias: str = CHAMPION
) -> Placing:
    """Where the scorer stands in the registry now.

    The run of a new version holds parameters, metrics, pictures and model card; `commit` and `sources` are the code's
    version and digest.
    """
    placing = registry.place(run.spec.name, run.artifact.digest, alias)
    if placing.known:
        return placing
    card = write_model_card(run, f"{commit} ({sources})")
    with registry.run(run.spec.name) as run_id:
        registry.log(run_id, _record(run, card, commit=commit, sources=sources))
        version = registry.register(
            run.artifact, run.spec.name, run_id, beside=_mlflow_model(run), about=card, alias=placing.alias
        )
    return replace(placing, version=version)


def _record(run: ScorerRun, card: str, *, commit: str, sources: str) -> RunRecord:
    predicted, actual, spec = run.verdict.predicted, run.verdict.actual, run.spec
    at = f"{spec.name}, {run.schedule.tested:%Y-%m-%d}"
    return RunRecord(
        parameters={
            **asdict(spec.settings),
            "target": spec.target,
            "horizon_days": spec.horizon_days,
            "tested_as_of": run.schedule.tested.isoformat(),
            "trained_as_ofs": " ".join(f"{as_of:%Y-%m-%d}" for as_of in run.schedule.trained),
            "calibration": run.fitted.calibration,
        },
        metrics=run.verdict.metrics,
        tags={
            "dataset": run.dataset.name,
            "data_fingerprint": run.dataset.fingerprint,
            "simulated": " ".join(run.dataset.simulated),
            "git_commit": commit,
            "source_digest": sources,
            "artifact_digest": run.artifact.digest,
        },
        files={
            "model_card.md": card,
            "calibration.png": calibration_picture(predicted, actual, f"calibration: {at}"),
            "lift.png": lift_picture(predicted, actual, f"lift: {at}"),
            "importance.png": importance_picture(run.fitted.importance, f"importance: {spec.name}"),
            "importance.json": json.dumps(run.fitted.importance, indent=1),
            "dataset.json": json.dumps(asdict(run.dataset), indent=1),
        },
    )


def _mlflow_model(run: ScorerRun) -> dict[str, bytes]:
    """The files with which `mlflow.lightgbm.load_model` reads the booster, by name."""
    import mlflow.lightgbm

    with tempfile.TemporaryDirectory() as folder, quiet_mlflow():
        path = Path(folder) / "model"
        mlflow.lightgbm.save_model(
            lightgbm.Booster(model_str=run.fitted.model),
            str(path),
            signature=_signature(run),
            pip_requirements=[f"lightgbm=={lightgbm.__version__}"],
        )
        return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def _signature(run: ScorerRun) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec("double", name) for name in run.fitted.column_names])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec("double", run.spec.name)]))
