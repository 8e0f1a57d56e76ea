"""Feast from the batch side: registering the views, training sets as of a time, and Feast's own materialise.

Feast's import costs seconds, so it happens inside the functions. Each folder is a parameter: `feature_repo` holds the
definitions, `snapshots` the files of `features.offline`, `feast_folder` the registry and the online store.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.feast_import import import_feast
from features.quiet import quiet_ibis
from features.schema import FEATURE_SERVICE, JOIN_KEY, Schema, View, load_schema
from training.places import Places

if TYPE_CHECKING:
    from feast import FeatureStore

FEATURE_REPO = Path(__file__).resolve().parents[1] / "feature_repo"
ONLINE_STORE = "online.db"
REGISTRY = "registry.db"
_ROW = "training_row"


class FeatureStoreError(RuntimeError):
    """Feast registered or returned something other than what was declared or asked for."""


@dataclass(frozen=True)
class Registered:
    """What the registry holds after `apply`: view names to feature names, both sorted."""

    views: dict[str, tuple[str, ...]]


def open_store(feast_folder: Path, *, repo: Path = FEATURE_REPO) -> FeatureStore:
    """The repository's feature store with its registry and SQLite online store in `feast_folder`.

    One store a process: two evict each other's cache.
    """
    import yaml

    import_feast()
    from feast import FeatureStore
    from feast.repo_config import RepoConfig

    # Feast advises against a setting of ours that it does need: see the comment in feature_store.yaml.
    logging.getLogger("feast.repo_config").setLevel(logging.ERROR)
    settings = yaml.safe_load((repo / "feature_store.yaml").read_text(encoding="utf-8"))
    settings["registry"]["path"] = str(feast_folder.absolute() / REGISTRY)
    settings["online_store"]["path"] = str(feast_folder.absolute() / ONLINE_STORE)
    config = RepoConfig(**settings)
    config.repo_path = repo
    with _without_registry_advice():
        assert config.registry  # made, and advised on, when first asked for
    return FeatureStore(config=config)


def open_served_store(places: Places) -> FeatureStore:
    """The feature store that is served from: the folder's, or the one that the given settings describe."""
    if places.feature_store_yaml is None:
        places.feast.mkdir(parents=True, exist_ok=True)
        return open_store(places.feast)
    import_feast()
    from feast import FeatureStore

    return FeatureStore(fs_yaml_file=places.feature_store_yaml)


def apply(feast_folder: Path, snapshots: Path, *, repo: Path = FEATURE_REPO) -> Registered:
    """What is registered once the repository's definitions are, reading their rows from `snapshots`. Idempotent.

    Raises `FeatureStoreError` when the registry's features are not those of the schema.
    """
    feast_folder.mkdir(parents=True, exist_ok=True)
    return register_views(open_store(feast_folder, repo=repo), snapshots, repo=repo)


def register_views(store: FeatureStore, snapshots: Path, *, repo: Path = FEATURE_REPO) -> Registered:
    """The same in the registry of an opened store."""
    definitions = _load_definitions(repo, snapshots)
    wanted = {view.name: tuple(sorted(f.name for f in view.features)) for view in load_schema().views}
    gone = [view for view in store.list_batch_feature_views() if view.name not in wanted]
    objects = [definitions.customer, *(getattr(definitions, name) for name in wanted), definitions.decide_v1]
    store.apply(objects, objects_to_delete=gone, partial=not gone)
    store.refresh_registry()
    found = {
        view.name: tuple(sorted(f.name for f in view.features)) for view in store.list_batch_feature_views()
    }
    if found != wanted:
        raise FeatureStoreError(f"the registry holds {found}, schema.toml declares {wanted}")
    return Registered(found)


def historical_features(
    store: FeatureStore, entity_rows: pd.DataFrame, *, schema: Schema | None = None
) -> pd.DataFrame:
    """The features of each row of `entity_rows` (`customer_id`, `event_timestamp`) as known then, in the rows' order.

    The columns are `customer_id`, `event_timestamp`, the schema's text features and `Schema.columns`. A value is encoded as
    the online reader's: null is nan, and a view without a row at that time has the schema's defaults.
    Feast's DuckDB join returns rows in no fixed order, so each row carries a number through it, is sorted back and counted.
    Raises `FeatureStoreError` when the rows do not come back one for one.
    """
    schema = schema or load_schema()
    entities = entity_rows[[JOIN_KEY, "event_timestamp"]].reset_index(drop=True)
    entities["event_timestamp"] = pd.to_datetime(entities["event_timestamp"], utc=True)
    entities[_ROW] = np.arange(len(entities), dtype=np.int64)
    service = store.get_feature_service(FEATURE_SERVICE)
    with quiet_ibis():
        found = store.get_historical_features(entity_df=entities, features=service).to_df()
    if len(found) != len(entities) or not np.array_equal(np.sort(found[_ROW]), entities[_ROW]):
        raise FeatureStoreError(f"asked for {len(entities)} rows, Feast returned {len(found)}")
    found = found.sort_values(_ROW, ignore_index=True)
    columns = {JOIN_KEY: entities[JOIN_KEY], "event_timestamp": entities["event_timestamp"]}
    for view in schema.views:
        columns.update(_view_columns(view, found))
    return pd.DataFrame(columns)


def _view_columns(view: View, found: pd.DataFrame) -> dict[str, Any]:
    """The view's places by column name. A row of the view always holds some value, so all null means no row."""
    absent = found[[feature.name for feature in view.features]].isna().all(axis=1).to_numpy()
    columns: dict[str, Any] = {}
    for feature in view.features:
        stored = found[feature.name]
        if feature.type == "string":
            columns[feature.name] = stored.fillna(feature.default)
        elif feature.type == "float_list":
            default = np.full(feature.length, feature.default)
            lists = [default if value is None else value for value in stored.where(stored.notna(), None)]
            columns.update(zip(feature.columns, np.array(lists, dtype=np.float64).T, strict=True))
        else:
            numbers = stored.astype("float64").to_numpy(copy=True)
            numbers[absent] = float(feature.default)
            columns[feature.name] = numbers
    return columns


def _load_definitions(repo: Path, snapshots: Path) -> ModuleType:
    """feature_definitions.py under a name of its own, reading its rows from `snapshots`."""
    spec = importlib.util.spec_from_file_location(
        "gardoon_feature_definitions", repo / "feature_definitions.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _environment("GARDOON_SNAPSHOTS", str(snapshots.absolute())):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _without_registry_advice() -> Iterator[None]:
    """Feast advises that `serve_features_while_materializing` does nothing for a file registry; measured, it does."""
    logger = logging.getLogger("feast.repo_config")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
