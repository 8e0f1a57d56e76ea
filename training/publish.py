"""Warm-started policies into the model registry, as champions that say what they know."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.bulk import latest_as_of
from features.offline import MANIFEST
from features.schema import load_schema
from training.champion import read_champion_scorers
from training.code_version import git_commit, source_digest
from training.importing.dataset import dataset_folder, read_manifest
from training.places import Places
from training.policies import WARM_STARTS
from training.registry import CHAMPION, ModelRegistry, RunRecord, open_registry
from training.simulation.audience import AudienceError
from training.simulation.stage import open_stage
from training.warm_start import StartedPolicy, start_policy


def publish_warm_starts(
    places: Places, dataset: str, *, seed: int, alias: str = CHAMPION
) -> list[tuple[StartedPolicy, str | None]]:
    """Each policy with the version it was registered as, None where what the alias points to is the very same already.

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
    started = [start_policy(start, stage, seed=seed) for start in WARM_STARTS]
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


def publish_policy(registry: ModelRegistry, started: StartedPolicy, alias: str = CHAMPION) -> str | None:
    """The version the policy was registered as, or None where what the alias points to has the same bytes."""
    if registry.digest_of(started.name, alias) == started.artifact.digest:
        return None
    with registry.run(f"warm start {started.name}") as run_id:
        registry.log(run_id, record_of(started))
        return registry.register(started.artifact, started.name, run_id, about=describe(started), alias=alias)


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
