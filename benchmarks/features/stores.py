"""Feast on its SQLite file and on a Redis server, with the views registered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.soak.stack import free_port, redis
from training.feature_store import open_served_store, register_views
from training.places import Places

if TYPE_CHECKING:
    from feast import FeatureStore

STORE_YAML = """
project: gardoon
provider: local
entity_key_serialization_version: 3
registry: {{path: {folder}/registry.db}}
online_store: {{type: redis, connection_string: "{address}"}}
offline_store: {{type: duckdb}}
"""


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """The address of a Redis that appends to a file, as in production; ended afterwards."""
    port = free_port()
    program = redis(folder, port)
    program.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        program.stop()


def feast_on_redis(folder: Path, snapshots: Path, address: str) -> FeatureStore:
    """Feast with its registry in the folder and its features in that Redis."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "feature_store.yaml"
    settings.write_text(STORE_YAML.format(folder=folder, address=address), encoding="utf-8")
    store = open_served_store(Places(var=folder, feature_store_yaml=settings))
    register_views(store, snapshots)
    return store
