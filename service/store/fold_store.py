"""The learner's own state, one row a policy, written in the transaction that publishes its snapshot."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, select

from models.artifact import Artifact, ArtifactError
from service.store.engine import upsert
from service.store.tables import folds


def put_folds(engine: Engine, connection: Connection, artifacts: Mapping[str, Artifact]) -> None:
    """Replace the state of each policy."""
    for name, artifact in artifacts.items():
        row = {"name": name, "content": artifact.to_bytes()}
        connection.execute(upsert(engine, folds, row))


def get_folds(connection: Connection, names: tuple[str, ...]) -> dict[str, Artifact]:
    """The state of these policies. Raises `ArtifactError` when one is not there."""
    rows = connection.execute(select(folds.c.name, folds.c.content)).all()
    found = {row.name: Artifact.from_bytes(row.content) for row in rows}
    missing = [name for name in names if name not in found]
    if missing:
        raise ArtifactError(f"the log has no learnt state of {missing}")
    return {name: found[name] for name in names}
