"""Champions from the model registry into the log's artifact store, where every worker finds them.

Only the learner's process does this: it is the only one that imports MLflow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Engine

from features.schema import Schema
from models.artifact import ARRAYS, MANIFEST, Artifact, ArtifactError
from models.boosted_square_cb import MODEL as TREES
from models.catalogue import load_policy
from models.complements import load_complements
from models.inputs import SCORES, bind, input_names
from models.policy import Policy
from models.scorer import MODEL, load_scorer
from service.complements.feed import CHAMPION as COMPLEMENTS
from service.decision_point import DecisionPoint
from service.model_set import CHAMPIONS, POLICY_NAMES
from service.store.artifact_store import move_champion, put_artifact, read_champions

ALIAS, CHALLENGER = "champion", "challenger"
_logger = structlog.get_logger()


PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
"""MLflow's own retries go on for minutes; the learner looks again by itself and has other work meanwhile."""


class RegistryUnavailableError(RuntimeError):
    """The registry does not answer or answers with an error."""


class ChampionRegistry:
    """The `champion` and `challenger` aliases of an MLflow registry. Each method raises `RegistryUnavailableError`."""

    def __init__(self, *, tracking_uri: str) -> None:
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)  # MLflow has no other place for it
        from mlflow import MlflowClient  # seconds to import: only where it is used

        self._uri = tracking_uri
        self._client = MlflowClient(tracking_uri=tracking_uri)

    def version(self, name: str, alias: str = ALIAS) -> str | None:
        """The version that an alias of a registered model points to; None where there is none yet."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.get_model_version_by_alias(name, alias).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise RegistryUnavailableError(f"no answer about {name}: {error.message}") from error

    def artifact(self, name: str, version: str) -> Artifact:
        """The artifact of a version. Raises `ArtifactError` when its files are none."""
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        try:
            uri = self._client.get_model_version_download_uri(name, version)
            folder = Path(download_artifacts(artifact_uri=uri, tracking_uri=self._uri))
        except (MlflowException, OSError) as error:
            raise RegistryUnavailableError(f"no files of {name} version {version}: {error}") from error
        wanted = (MANIFEST, ARRAYS, MODEL, TREES)
        return Artifact.from_files({n: (folder / n).read_bytes() for n in wanted if (folder / n).is_file()})


def sync_champions(
    engine: Engine, registry: Any, schema: Schema, points: Mapping[str, DecisionPoint], now: datetime
) -> list[str]:
    """Fetch the champions whose alias moved; their names. One that does not fit leaves the last good in place."""
    with engine.connect() as connection:
        known = {name: version for name, (_, version) in read_champions(connection).items()}
    moved = []
    for name in (*CHAMPIONS, COMPLEMENTS):
        version = registry.version(name)
        if version is None or known.get(name) == version:
            continue
        try:
            artifact = registry.artifact(name, version)
            check_champion(name, artifact, schema, points)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the last good champion stays
            _logger.error("champion refused", name=name, version=version, reason=repr(error))
            continue
        with engine.begin() as connection:
            digest = put_artifact(engine, connection, artifact)
            move_champion(engine, connection, name, digest, version, now)
        _logger.info("champion", name=name, version=version, digest=digest)
        moved.append(name)
    return moved


def check_champion(
    name: str, artifact: Artifact, schema: Schema, points: Mapping[str, DecisionPoint]
) -> None:
    """Raises `ArtifactError` or `ValueError` unless the artifact can serve and learn under this name.

    A scorer or policy must fit the schema, and be able to learn whatever these journeys reward it with.
    """
    if name == COMPLEMENTS:
        load_complements(artifact)
        return
    if name in SCORES:
        load_scorer(artifact, schema.columns)
        return
    policy = load_policy(artifact)
    bind(policy.input_names, input_names(schema.columns))
    everything = np.ones(policy.n_actions, dtype=np.bool_)
    try:
        tried = policy.probabilities(np.zeros(len(policy.input_names)), everything)
    except IndexError as error:
        raise ArtifactError(f"the arrays of {name} do not fit each other: {error}") from error
    if not np.isclose(tried.sum(), 1.0):
        raise ArtifactError(f"the probabilities of {name} add up to {tried.sum()}, not 1")
    check_rewards(name, policy, points)


def check_rewards(name: str, policy: Policy, points: Mapping[str, DecisionPoint]) -> None:
    """Raises `ValueError` naming the journey whose rewards lie outside of what the policy can learn."""
    low, high = policy.reward_bounds
    for point in points.values():
        for decision in point.decisions:
            if POLICY_NAMES.get(decision) != name or not policy.learns_online:
                continue
            least, most = point.reward(decision).spec().bounds
            if least < low or most > high:
                raise ValueError(
                    f"{name} learns rewards from {low} to {high}; {point.journey} earns {least} to {most}"
                )
