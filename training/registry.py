"""MLflow from the writing side: runs, and registered models whose files are an artifact's.

Without a server everything lies under one folder: the database `mlflow.db` and the files in `mlartifacts/`. MLflow's import
costs seconds, so it happens when a registry is opened. Pickled models and packaged code are never written.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.artifact import Artifact
from training.places import Places

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT: Final = "gardoon"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
DIGEST_TAG: Final = "digest"
GATE_TAG: Final = "gate"
"""On a version that a promotion was asked for: what the gate found."""

_FIRST_ALIAS_TAG: Final = "registered_as"
_MODEL_FOLDER: Final = "model"


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What a run leaves behind: parameters and tags as text, metrics, and files by path (text or bytes)."""

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, str | bytes]


@dataclass(frozen=True, kw_only=True)
class Placing:
    """Where an artifact stands in the registry: its version (None: not registered, or known by the same bytes), its alias.

    `kept`: it was to be champion, but the champion was promoted by a gate, or by force, and only `promote` moves it on.
    """

    alias: str
    known: bool = False
    kept: bool = False
    version: str | None = None

    def __str__(self) -> str:
        what = "unchanged" if self.version is None else f"version {self.version} is {self.alias}"
        return f"{what}; the champion was promoted and stays" if self.kept else what


class ModelRegistry:
    """The runs and registered models of one MLflow tracking store."""

    def __init__(self, *, client: MlflowClient, experiment_id: str, tracking_uri: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self.tracking_uri = tracking_uri

    @contextmanager
    def run(self, name: str) -> Iterator[str]:
        """The id of a new run, which ends as finished, or as failed when the block raises."""
        run_id: str = self._client.create_run(self._experiment_id, run_name=name).info.run_id
        try:
            yield run_id
        except BaseException:
            self._client.set_terminated(run_id, status="FAILED")
            raise
        self._client.set_terminated(run_id, status="FINISHED")

    def log(self, run_id: str, record: RunRecord) -> None:
        """Write a record into a run."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(key, value, 0, 0) for key, value in record.metrics.items()]
        parameters = [Param(key, str(value)) for key, value in record.parameters.items()]
        tags = [RunTag(key, value) for key, value in record.tags.items()]
        self._client.log_batch(run_id, metrics=metrics, params=parameters, tags=tags)
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), record.files)
            self._client.log_artifacts(run_id, folder)

    def digest_of(self, name: str, alias: str) -> str | None:
        """The digest of the artifact that an alias points to; None where there is none."""
        found = self._aliased(name, alias)
        digest = found.tags.get(DIGEST_TAG) if found else None
        return str(digest) if digest else None

    def version_of(self, name: str, alias: str) -> str | None:
        """The version that an alias of a registered model points to; None where there is none."""
        found = self._aliased(name, alias)
        return str(found.version) if found else None

    def promote(self, name: str, version: str) -> None:
        """Point `champion` to the version; a `challenger` alias on it has done its work and goes."""
        if self.version_of(name, CHALLENGER) == version:
            self._client.delete_registered_model_alias(name, CHALLENGER)
        self._client.set_registered_model_alias(name, CHAMPION, version)

    def tag_version(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Write tags onto a version of a registered model."""
        for key, value in tags.items():
            self._client.set_model_version_tag(name, version, key, value)

    def place(self, name: str, digest: str, alias: str) -> Placing:
        """Where an artifact of this digest is to stand that is to get the alias, and whether it stands there already.

        A champion that was promoted is not replaced by what is merely fitted: that becomes the challenger, unless it is a
        version that there was before.
        """
        kept = alias == CHAMPION and self._was_promoted(name)
        if kept:
            return Placing(alias=CHALLENGER, known=digest in self._digests(name), kept=True)
        return Placing(alias=alias, known=self.digest_of(name, alias) == digest)

    def _was_promoted(self, name: str) -> bool:
        """Whether the champion of that name got there by a promotion, or by hand after it was a challenger."""
        champion = self._aliased(name, CHAMPION)
        return champion is not None and (
            GATE_TAG in champion.tags or champion.tags.get(_FIRST_ALIAS_TAG) == CHALLENGER
        )

    def _digests(self, name: str) -> set[str | None]:
        return {each.tags.get(DIGEST_TAG) for each in self._client.search_model_versions(f"name='{name}'")}

    def _aliased(self, name: str, alias: str) -> Any | None:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None

    def register(
        self,
        artifact: Artifact,
        name: str,
        run_id: str,
        *,
        beside: Mapping[str, bytes] | None = None,
        about: str = "",
        alias: str = CHAMPION,
    ) -> str:
        """The new version of the registered model `name`, which holds the artifact's files and those `beside` them.

        The version gets the alias, by which `challenger` leaves the champion where it is; it is tagged with the artifact's
        digest. A file of the artifact goes before one of the same name beside it.
        """
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), {**(beside or {}), **artifact.files()})
            self._client.log_artifacts(run_id, folder, _MODEL_FOLDER)
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_MODEL_FOLDER}"
        tags = {DIGEST_TAG: artifact.digest, _FIRST_ALIAS_TAG: alias}
        version = self._client.create_model_version(
            name, source=source, run_id=run_id, tags=tags, description=about
        )
        self._client.set_registered_model_alias(name, alias, version.version)
        return str(version.version)


def open_registry(places: Places) -> ModelRegistry:
    """The registry, with its experiment, which is made when missing; a server keeps the files where it was told to."""
    from mlflow import MlflowClient

    var, tracking_uri = places.var.absolute(), places.registry_uri
    var.mkdir(parents=True, exist_ok=True)
    files = None if tracking_uri.startswith("http") else (var / "mlartifacts").as_uri()
    with quiet_mlflow():
        client = MlflowClient(tracking_uri=tracking_uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        made = found.experiment_id if found else client.create_experiment(EXPERIMENT, artifact_location=files)
    return ModelRegistry(client=client, experiment_id=made, tracking_uri=tracking_uri)


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """No news of tables it creates and packages it cannot pin, no warning of SQLAlchemy 2.1 about MLflow's own mapping."""
    import mlflow  # sets its loggers up, which must come first

    loggers = [logging.getLogger(name) for name in (mlflow.__name__, "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The ``noload`` loader strategy")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
