"""Keeps a worker's complements at the champion."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from models.complements import Complements, load_complements
from service.errors import NotReadyError
from service.polled_feed import PolledFeed
from service.store.artifact_store import get_artifact, read_champions

CHAMPION = "complements"
"""The registered model's name."""


@dataclass(frozen=True)
class Published:
    """Complements and the digest of their artifact."""

    complements: Complements
    digest: str


class ComplementsFeed(PolledFeed):
    """Polls the log for the champion; apart from the models that decide, so that neither holds up the other."""

    def __init__(self, *, engine: Engine, poll_seconds: float) -> None:
        super().__init__(poll_seconds=poll_seconds)
        self._engine = engine
        self._current: Published | None = None

    @property
    def current(self) -> Published:
        """The champion. Raises `NotReadyError` before the first was published."""
        if self._current is None:
            raise NotReadyError(
                "no champion of complements has been published yet: `python -m training complements` registers one"
            )
        return self._current

    def refresh(self) -> bool:
        """Load another champion than the one there is; whether there was one. Raises: `ArtifactError`."""
        with self._engine.connect() as connection:
            champions = read_champions(connection)
        if CHAMPION not in champions:
            return False
        digest, _ = champions[CHAMPION]
        if self._current is not None and self._current.digest == digest:
            return False
        self._current = Published(load_complements(get_artifact(self._engine, digest)), digest)
        return True
