"""A reader of one customer's features from Redis in one round trip, in the layout that Feast writes, without Feast."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import redis

from features.online import OnlineStoreError
from features.redis_layout import decode_time, pack_arguments, redis_key, view_fields
from features.redis_settings import RedisSettings
from features.schema import Schema
from features.stored import StoredFeatures, StoredView
from features.wire import decode_values

if TYPE_CHECKING:
    from redis.connection import ConnectionPool


def open_connections(settings: RedisSettings, **other: Any) -> ConnectionPool:
    """Connections to the server, opened when first used; `other` options stand in for the settings' own.

    Raises `OnlineStoreError` when the connection string has an option that the client does not know.
    """
    try:
        return redis.Redis(**{**settings.options, **other}).connection_pool
    except (TypeError, ValueError, redis.RedisError) as error:
        told = settings.without_password(error)
        raise OnlineStoreError(
            f"online_store.connection_string of Redis at {settings.address}: {told}"
        ) from None


def away(settings: RedisSettings, error: Exception) -> OnlineStoreError:
    """The error that says that the server did not answer as wanted, without the password."""
    told = settings.without_password(f"{type(error).__name__}: {error}")
    return OnlineStoreError(f"Redis at {settings.address} does not answer: {told}")


class RedisFeatureReader:
    """Reads a customer's hash by one HMGET of all declared features, the command packed beforehand but for the key.

    Any number of threads may read; each takes a connection from the pool for the one read. What it returns is what
    `FeastFeatureReader` returns of the same store. Nothing is opened before the first read.
    """

    def __init__(self, *, settings: RedisSettings, schema: Schema) -> None:
        """Raises `OnlineStoreError` when the connection string cannot be used."""
        self._settings = settings
        self._connections = open_connections(settings)
        self._views: list[tuple[str, tuple[str, ...], int, int]] = []
        fields: list[bytes] = []
        for view in schema.views:
            first = len(fields) + 1
            fields += view_fields(view)
            names = tuple(feature.name for feature in view.features)
            self._views.append((view.name, names, first, len(fields)))
        self._head = b"*%d\r\n" % (len(fields) + 2) + pack_arguments([b"HMGET"])
        self._tail = pack_arguments(fields)

    def read(self, customer_id: str) -> StoredFeatures:
        """What is stored of the customer; no views for an unknown one, None for a feature that its view's row lacks.

        Raises `OnlineStoreError` when Redis does not answer, or not in time.
        """
        key = redis_key(customer_id, self._settings.project)
        found = self._ask(self._head + pack_arguments([key]) + self._tail)
        views: dict[str, StoredView] = {}
        for name, names, first, end in self._views:
            event_at = _time_of(found[first - 1])
            if event_at is not None:
                values = decode_values(found[first:end])
                views[name] = StoredView(event_at, dict(zip(names, values, strict=True)))
        return StoredFeatures(customer_id, views)

    def close(self) -> None:
        """Closes every connection."""
        self._connections.disconnect()

    def _ask(self, command: bytes) -> list[bytes | None]:
        try:
            connection: Any = self._connections.get_connection()
            try:
                connection.send_packed_command([command], check_health=False)
                answer: list[bytes | None] = connection.read_response(disable_decoding=True)
            finally:
                self._connections.release(connection)
        except (redis.RedisError, OSError) as error:
            raise away(self._settings, error) from None
        return answer


def _time_of(stored: bytes | None) -> datetime | None:
    return decode_time(stored) if stored else None
