"""Artifacts by digest, and which of them decide now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from models.artifact import Artifact, ArtifactError
from service.store.engine import insert_or_ignore, microseconds, moment, upsert
from service.store.tables import artifacts, champions, snapshots


@dataclass(frozen=True)
class Snapshot:
    """The policies' state at one point of the fold over outcomes."""

    number: int
    created_at: datetime
    scanned_until: datetime
    champions: dict[str, str]
    policies: dict[str, str]


def put_artifact(engine: Engine, connection: Connection, artifact: Artifact) -> str:
    """Store an artifact unless it is there; its digest."""
    digest = artifact.digest
    row = {"digest": digest, "kind": artifact.manifest["kind"], "content": artifact.to_bytes()}
    connection.execute(insert_or_ignore(engine, artifacts).values(row))
    return digest


def get_artifact(engine: Engine, digest: str) -> Artifact:
    """The artifact of a digest. Raises `ArtifactError` when it is not there or its content is not what it was."""
    with engine.connect() as connection:
        content = connection.scalar(select(artifacts.c.content).where(artifacts.c.digest == digest))
    if content is None:
        raise ArtifactError(f"no artifact {digest} in the store")
    artifact = Artifact.from_bytes(content)
    if artifact.digest != digest:
        raise ArtifactError(f"artifact {digest} was altered: its content has the digest {artifact.digest}")
    return artifact


def move_champion(
    engine: Engine, connection: Connection, name: str, digest: str, version: str, at: datetime
) -> None:
    """Note that a champion is now this artifact."""
    row = {"name": name, "digest": digest, "registry_version": version, "moved_at": microseconds(at)}
    connection.execute(upsert(engine, champions, row))


def read_champions(connection: Connection) -> dict[str, tuple[str, str]]:
    """Digest and registry version of each champion."""
    rows = connection.execute(select(champions)).mappings()
    return {row["name"]: (row["digest"], row["registry_version"]) for row in rows}


def put_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    """Publish a snapshot. Raises the database's integrity error when its number is taken."""
    connection.execute(
        snapshots.insert().values(
            snapshot=snapshot.number,
            created_at=microseconds(snapshot.created_at),
            scanned_until=microseconds(snapshot.scanned_until),
            champions=json.dumps(snapshot.champions, sort_keys=True),
            policies=json.dumps(snapshot.policies, sort_keys=True),
        )
    )


def newest_snapshot(connection: Connection) -> Snapshot | None:
    """The snapshot with the highest number."""
    query = select(snapshots).order_by(snapshots.c.snapshot.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Snapshot(
        row["snapshot"],
        moment(row["created_at"]),
        moment(row["scanned_until"]),
        json.loads(row["champions"]),
        json.loads(row["policies"]),
    )
