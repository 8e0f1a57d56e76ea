"""Keeps a worker's models at the newest champions and snapshot, without a restart."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Gauge
from sqlalchemy import Connection, Engine

from models.inputs import SCORES
from service.errors import NotReadyError
from service.model_set import CHAMPIONS, ModelSet
from service.polled_feed import PolledFeed
from service.store.artifact_store import newest_snapshot, read_champions


class ModelFeed(PolledFeed):
    """Polls the log for what decides now and swaps the whole set at once, so that no decision mixes two versions.

    `build` makes the models of published versions: artifact digests by champion name, and the snapshot's number.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        build: Callable[[dict[str, str]], ModelSet],
        poll_seconds: float,
        snapshot_gauge: Gauge,
    ) -> None:
        super().__init__(poll_seconds=poll_seconds)
        self._engine = engine
        self._build = build
        self._gauge = snapshot_gauge
        self._current: ModelSet | None = None
        self._versions: dict[str, str] | None = None

    @property
    def current(self) -> ModelSet:
        """The models that decide now. Raises `NotReadyError` before the first were published."""
        if self._current is None:
            raise NotReadyError("no champion scorers and policies have been published yet")
        return self._current

    def refresh(self) -> bool:
        """Load what is newer than what decides now; whether anything was.

        Raises: `ArtifactError` or `ValueError` when what was published cannot decide.
        """
        versions = self._published()
        if versions is None or versions == self._versions:
            return False
        models = self._build(versions)
        models.make_ready()  # here, in a thread of its own, rather than while decisions wait
        self._current, self._versions = models, versions
        self._gauge.set(int(versions["snapshot"]))
        return True

    def _published(self) -> dict[str, str] | None:
        with self._engine.connect() as connection:
            return published_versions(connection)


def published_versions(connection: Connection) -> dict[str, str] | None:
    """What decides now: artifact digests by champion name, and the snapshot's number. None before the first of each."""
    champions, snapshot = read_champions(connection), newest_snapshot(connection)
    if snapshot is None or not set(CHAMPIONS) <= champions.keys():
        return None
    scorers = {name: champions[name][0] for name in SCORES}
    return {**scorers, **snapshot.policies, "snapshot": str(snapshot.number)}
