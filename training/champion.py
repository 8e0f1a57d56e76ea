"""Champions read back from the model registry."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from features.schema import Schema
from models.artifact import ARRAYS, MANIFEST, Artifact
from models.boosted_square_cb import MODEL as TREES
from models.inputs import SCORES
from models.scorer import MODEL, Scorer, load_scorer
from training.registry import CHAMPION

FILES: Final = (MANIFEST, ARRAYS, MODEL, TREES)


class NoChampionError(LookupError):
    """A registered model is missing or none of its versions has the alias."""


def read_champion(tracking_uri: str, name: str, alias: str = CHAMPION) -> Artifact:
    """The artifact of the version that the alias of a registered model points to.

    Raises: `NoChampionError` when there is none, `ArtifactError` when its files are no artifact.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri=tracking_uri)
    try:
        version = client.get_model_version_by_alias(name, alias).version
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise NoChampionError(f"{tracking_uri} has no {alias} of {name}: {error.message}") from error
    return read_version(tracking_uri, name, version)


def read_version(tracking_uri: str, name: str, version: str) -> Artifact:
    """The artifact of one version of a registered model. Raises: `ArtifactError` when its files are no artifact."""
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    uri = MlflowClient(tracking_uri=tracking_uri).get_model_version_download_uri(name, version)
    folder = Path(download_artifacts(artifact_uri=uri, tracking_uri=tracking_uri))
    return Artifact.from_files(
        {file: (folder / file).read_bytes() for file in FILES if (folder / file).is_file()}
    )


def read_champion_scorers(tracking_uri: str, schema: Schema) -> dict[str, Scorer]:
    """The champion of each of `models.inputs.SCORES`. Raises `NoChampionError`, `ArtifactError`."""
    return {name: load_scorer(read_champion(tracking_uri, name), schema.columns) for name in SCORES}
