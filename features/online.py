"""Readers of one customer's features from the online store: Feast's SQLite file directly, or any store through Feast."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.feast_import import import_feast
from features.schema import FEATURE_SERVICE, JOIN_KEY, Schema
from features.stored import StoredFeatures, StoredView
from features.whole_row import WholeRow
from features.wire import FeatureValue, customer_of, decode_value, decode_values, entity_key

if TYPE_CHECKING:
    from feast import FeatureStore
    from feast.protos.feast.serving.ServingService_pb2 import GetOnlineFeaturesResponse

PROJECT = "gardoon"
_KEYS = """
SELECT entity_key FROM (WITH RECURSIVE keys(entity_key) AS (
  SELECT min(entity_key) FROM "{table}"
  UNION ALL SELECT (SELECT min(entity_key) FROM "{table}" WHERE entity_key > keys.entity_key)
  FROM keys WHERE entity_key IS NOT NULL) SELECT entity_key FROM keys WHERE entity_key IS NOT NULL)
"""
"""A step of the index a customer: DISTINCT would walk through every feature of each."""


class OnlineStoreError(RuntimeError):
    """The online store cannot be opened or read, or has not the tables that the schema declares."""


def online_table(view: str, project: str = PROJECT) -> str:
    """The name of a view's table in Feast's SQLite store."""
    return f"{project}_{view}"


class SqliteFeatureReader:
    """Reads Feast's SQLite online store by one prepared query over the views' tables, without importing Feast.

    Each thread gets its own connection, opened read-only at its first read.
    """

    def __init__(self, *, database: Path, schema: Schema, project: str = PROJECT) -> None:
        """Raises `OnlineStoreError` when the file or a view's table is missing."""
        self._database = database
        self._view_of = {feature.name: feature.view for feature in schema.features}
        sorted_by_view = [sorted(view.features, key=lambda each: each.name) for view in schema.views]
        in_order = tuple(chain.from_iterable(sorted_by_view))
        self._in_order = tuple(feature.name for feature in in_order)
        self._ends = tuple(accumulate(map(len, sorted_by_view), initial=0))
        self._whole = WholeRow(schema, in_order)
        self._query = " UNION ALL ".join(
            f'SELECT feature_name, value, event_ts FROM "{online_table(view.name, project)}" WHERE entity_key = ?1'
            for view in schema.views
        )
        self._everybody = " UNION ".join(
            _KEYS.format(table=online_table(view.name, project)) for view in schema.views
        )
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self.read("")

    def read(self, customer_id: str) -> StoredFeatures:
        """What is stored of the customer; no views for an unknown one. Features that the schema lacks are left out.

        Raises `OnlineStoreError` when the file cannot be read.
        """
        try:
            rows = self._connection().execute(self._query, (entity_key(customer_id),)).fetchall()
        except sqlite3.Error as error:
            raise OnlineStoreError(f"{self._database} is not a readable online store: {error}") from error
        if not rows:
            return StoredFeatures(customer_id, {})
        names, stored, times_s = zip(*rows, strict=True)
        views = partial(self._rows, names, stored, times_s)
        if names == self._in_order:  # as the tables' keys order them, nothing lacking: most customers are so
            whole = self._whole.read(stored, self._event_ats(times_s))
            if whole is not None:
                return StoredFeatures(customer_id, views, whole)
        return StoredFeatures(customer_id, views())

    def _event_ats(self, times_s: Sequence[int]) -> tuple[datetime, ...]:
        """The time that each view speaks of, where every feature is stored: each view is as old as its oldest."""
        oldest = [min(times_s[start:end]) for start, end in pairwise(self._ends)]
        return tuple([datetime.fromtimestamp(each, UTC) for each in oldest])

    def _rows(
        self, names: Sequence[str], stored: Sequence[bytes], times_s: Sequence[int]
    ) -> dict[str, StoredView]:
        return _views(zip(names, decode_values(stored), times_s, strict=True), self._view_of)

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        """`read` of each. Raises `OnlineStoreError` when the file cannot be read."""
        return [self.read(customer_id) for customer_id in customer_ids]

    def customer_ids(self) -> Iterator[str]:
        """Every customer of whom anything is stored, each once. Raises `OnlineStoreError` when the file cannot be read."""
        try:
            for (key,) in self._connection().execute(self._everybody):
                yield customer_of(key)
        except sqlite3.Error as error:
            raise OnlineStoreError(f"{self._database} is not a readable online store: {error}") from error

    def close(self) -> None:
        """Closes every thread's connection; nothing can be read afterwards."""
        for connection in self._connections:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            address = f"{self._database.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(address, uri=True, check_same_thread=False)
            self._local.connection = connection
            self._connections.append(connection)
        return connection


def _views(
    told: Iterable[tuple[str, FeatureValue, int]], view_of: Mapping[str, str]
) -> dict[str, StoredView]:
    """The views of names, values and seconds of their event times, each as old as its oldest; strange names are left out."""
    found: dict[str, dict[str, FeatureValue]] = {}
    event_s: dict[str, int] = {}
    for name, value, at_s in told:
        view = view_of.get(name)
        if view is not None:
            found.setdefault(view, {})[name] = value
            event_s[view] = min(at_s, event_s.get(view, at_s))
    return {v: StoredView(datetime.fromtimestamp(event_s[v], UTC), values) for v, values in found.items()}


def read_settings(settings_file: Path) -> dict[str, Any]:
    """Feast's settings in a file, `${NAME}` coming from the environment."""
    import yaml

    settings: dict[str, Any] = yaml.safe_load(os.path.expandvars(settings_file.read_text(encoding="utf-8")))
    return settings


def open_online_store(settings_file: Path) -> FeatureStore:
    """Feast with the settings of a file, but for its offline store.

    Serving reads none, and the packages of the one that training uses (DuckDB) are not where the service runs.
    """
    import_feast()
    from feast import FeatureStore
    from feast.repo_config import RepoConfig

    settings = read_settings(settings_file)
    settings.pop("offline_store", None)
    config = RepoConfig(**settings)
    config.repo_path = settings_file.parent
    return FeatureStore(config=config)


class FeastFeatureReader:
    """Reads any online store that Feast supports (PostgreSQL, ...) through its public API, about ten times slower.

    Make one `FeatureStore` a process: two evict each other's cache. The feature service is resolved once, here.
    """

    def __init__(self, *, store: FeatureStore, schema: Schema) -> None:
        self._store = store
        self._view_of = {feature.name: feature.view for feature in schema.features}
        self._service = store.get_feature_service(FEATURE_SERVICE)
        self._one_at_a_time = threading.Lock()

    def read(self, customer_id: str) -> StoredFeatures:
        """What is stored of the customer; no views for an unknown one.

        Feast answers in no fixed order, so values are mapped by name. It reports an unknown customer as NOT_FOUND (SQLite)
        or as PRESENT and empty (Redis); both come without an event time, and that is what is tested here.
        Raises `OnlineStoreError` when the store does not answer.
        """
        with self._one_at_a_time:  # Feast says nothing of threads
            response = self._ask(customer_id)
        told = (
            (name, decode_value(vector.values[0].SerializeToString()), at_s)
            for name, vector in zip(response.metadata.feature_names.val, response.results, strict=True)
            if name in self._view_of and (at_s := vector.event_timestamps[0].seconds)
        )
        return StoredFeatures(customer_id, _views(told, self._view_of))

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        """`read` of each. Raises `OnlineStoreError` when the store does not answer."""
        return [self.read(customer_id) for customer_id in customer_ids]

    def customer_ids(self) -> Iterator[str]:
        """Raises `OnlineStoreError`: Feast has no call that names them."""
        raise OnlineStoreError("this online store is read through Feast, which cannot list its customers")

    def _ask(self, customer_id: str) -> GetOnlineFeaturesResponse:
        try:
            response = self._store.get_online_features(
                features=self._service, entity_rows=[{JOIN_KEY: customer_id}]
            )
        except Exception as error:
            raise OnlineStoreError(f"the online store does not answer: {error}") from error
        answer: GetOnlineFeaturesResponse = response.proto
        return answer
