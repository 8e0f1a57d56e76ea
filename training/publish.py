"""Policies into the model registry, each saying what it knows: warm-started ones, and those fitted on the log."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from features.bulk import MANIFEST, latest_as_of
from features.schema import load_schema
from models.artifact import Artifact
from training.champion import read_champion_scorers
from training.code_version import git_commit, source_digest
from training.importing.dataset import dataset_folder, read_manifest
from training.places import Places
from training.policies import DECISIONS, WARM_STARTS
from training.registry import CHALLENGER, CHAMPION, ModelRegistry, Placing, RunRecord, open_registry
from training.retraining import Retrained
from training.simulation.audience import AudienceError
from training.simulation.stage import open_stage
from training.warm_start import StartedPolicy, start_policy


def publish_warm_starts(
    places: Places,
    dataset: str,
    *,
    seed: int,
    alias: str = CHAMPION,
    names: Collection[str] = tuple(DECISIONS),
) -> list[tuple[StartedPolicy, Placing]]:
    """Each policy of these names and where it stands in the registry now.

    Scores come from the champion scorers, features from the newest snapshot. Raises: `NoChampionError` before the scorers
    are registered, `AudienceError`, `SimulationError` and `DatasetError` when the data do not allow it.
    """
    registry, schema = open_registry(places), load_schema()
    folder, snapshots = dataset_folder(places.var, dataset), places.snapshots
    check_snapshots(snapshots, read_manifest(folder).fingerprint)
    stage = open_stage(
        folder,
        snapshots,
        schema,
        read_champion_scorers(registry.tracking_uri, schema),
        as_of=latest_as_of(snapshots),
        seed=seed,
    )
    started = [start_policy(start, stage, seed=seed) for start in WARM_STARTS if start.name in names]
    return [(each, publish_policy(registry, each, alias)) for each in started]


def check_snapshots(snapshots: Path, fingerprint: str) -> None:
    """Raises `AudienceError` unless the snapshot files were made of the data set with this fingerprint."""
    path = snapshots / MANIFEST
    if not path.is_file():
        raise AudienceError(f"{snapshots} has no {MANIFEST}: run `python -m training features` first")
    found = json.loads(path.read_text(encoding="utf-8"))["dataset_fingerprint"]
    if found != fingerprint:
        raise AudienceError(
            f"{snapshots} was made of other data ({found}, wanted {fingerprint}): run `python -m training features` again"
        )


def publish_policy(registry: ModelRegistry, started: StartedPolicy, alias: str = CHAMPION) -> Placing:
    """Where the policy stands in the registry now."""
    about = describe(started)
    return _register(registry, started.artifact, started.name, alias, (record_of(started), about))


def publish_retrained(registry: ModelRegistry, fitted: Retrained, alias: str = CHALLENGER) -> Placing:
    """Where a policy fitted on the log stands in the registry now."""
    manifest = fitted.artifact.manifest
    told = (
        "kind",
        "floor",
        "n_rounds",
        "learned_until",
        "data_fingerprint",
        "seed",
        "started_from",
        "reward",
    )
    record = RunRecord(
        parameters={name: manifest[name] for name in told},
        metrics={"rounds": float(manifest["n_rounds"]), "mean_reward": fitted.mean_reward},
        tags={"git_commit": git_commit(), "source_digest": source_digest()},
        files={"policy_card.md": fitted.describe() + "\n"},
    )
    return _register(registry, fitted.artifact, fitted.name, alias, (record, fitted.describe()))


def _register(
    registry: ModelRegistry, artifact: Artifact, name: str, alias: str, told: tuple[RunRecord, str]
) -> Placing:
    placing, (record, about) = registry.place(name, artifact.digest, alias), told
    if placing.known:
        return placing
    with registry.run(f"fit {name}") as run_id:
        registry.log(run_id, record)
        version = registry.register(artifact, name, run_id, about=about, alias=placing.alias)
    return replace(placing, version=version)


def record_of(started: StartedPolicy) -> RunRecord:
    """What the policy's run leaves behind: how it was started and what it is worth in its world."""
    manifest = started.artifact.manifest
    parameters: dict[str, Any] = {
        name: manifest[name]
        for name in (
            "kind",
            "floor",
            "simulated_rounds",
            "simulated_worth_rounds",
            "simulation_seed",
            "data_fingerprint",
        )
    }
    parameters |= {f"prior_{name}": value for name, value in manifest["prior"].items()}
    parameters |= {f"reward_{name}": value for name, value in manifest["reward"].items()}
    metrics = {f"simulated_{name}": float(value) for name, value in asdict(started.value).items()}
    tags = {"warm_start": "simulated", "git_commit": git_commit(), "source_digest": source_digest()}
    return RunRecord(
        parameters=parameters, metrics=metrics, tags=tags, files={"policy_card.md": describe(started) + "\n"}
    )


def describe(started: StartedPolicy) -> str:
    """The policy in three sentences for whoever finds it in the registry."""
    value, manifest = started.value, started.artifact.manifest
    return (
        f"Warm-started from {manifest['simulated_rounds']:,} simulated rounds that weigh as much as "
        f"{manifest['simulated_worth_rounds']:,.0f} real ones; it has seen no real feedback. In the simulated world a "
        f"decision is worth {value.policy:.4f} {started.unit} with it, {value.random:.4f} at random and "
        f"{value.optimum:.4f} at best. This says that it learnt what the simulation holds, nothing about real customers."
    )
