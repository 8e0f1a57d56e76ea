"""A reader of one customer's features from Redis in one round trip, in the layout that Feast writes, without Feast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

import redis

from features.online import OnlineStoreError
from features.redis_layout import decode_time, pack_arguments, redis_key, view_fields
from features.redis_settings import RedisSettings
from features.schema import Schema
from features.stored import StoredFeatures, StoredView
from features.whole_row import WholeRow
from features.wire import WireFormatError, customer_of, decode_values

if TYPE_CHECKING:
    from redis.connection import ConnectionPool

PIPELINED: Final = 100
"""Customers asked about before the first answer is read: few enough that neither side's buffers fill up."""
_SCANNED: Final = 1_000


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
        self._whole = WholeRow(schema, schema.features)
        self._head = b"*%d\r\n" % (len(fields) + 2) + pack_arguments([b"HMGET"])
        self._tail = pack_arguments(fields)

    def read(self, customer_id: str) -> StoredFeatures:
        """What is stored of the customer; no views for an unknown one, None for a feature that its view's row lacks.

        Raises `OnlineStoreError` when Redis does not answer, or not in time.
        """
        (found,) = self._ask([self._command(customer_id)])
        return self._stored(customer_id, found)

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        """`read` of each, `PIPELINED` of them in one round trip. Raises `OnlineStoreError` as `read` does."""
        read: list[StoredFeatures] = []
        for start in range(0, len(customer_ids), PIPELINED):
            asked = customer_ids[start : start + PIPELINED]
            found = self._ask([self._command(customer_id) for customer_id in asked])
            read += map(self._stored, asked, found)
        return read

    def customer_ids(self) -> Iterator[str]:
        """Every customer of the project, some more than once: Redis promises no more while others write.

        Raises `OnlineStoreError` when Redis does not answer.
        """
        client: Any = redis.Redis(connection_pool=self._connections)
        end = self._settings.project.encode()
        try:
            for key in client.scan_iter(match=b"*" + end, count=_SCANNED):
                try:
                    customer_id = customer_of(key)
                except (WireFormatError, UnicodeDecodeError):
                    continue  # another entity's, or no customer's at all
                if key == redis_key(customer_id, self._settings.project):
                    yield customer_id
        except (redis.RedisError, OSError) as error:
            raise away(self._settings, error) from None

    def _command(self, customer_id: str) -> bytes:
        return self._head + pack_arguments([redis_key(customer_id, self._settings.project)]) + self._tail

    def _stored(self, customer_id: str, found: Sequence[bytes | None]) -> StoredFeatures:
        event_ats = [_time_of(found[first - 1]) for _, _, first, _ in self._views]
        views = partial(self._rows, found, event_ats)
        if None not in event_ats:
            values = list(chain.from_iterable([found[first:end] for _, _, first, end in self._views]))
            whole = self._whole.read(values, cast("tuple[datetime, ...]", tuple(event_ats)))
            if whole is not None:
                return StoredFeatures(customer_id, views, whole)
        return StoredFeatures(customer_id, views())

    def _rows(
        self, found: Sequence[bytes | None], event_ats: Sequence[datetime | None]
    ) -> dict[str, StoredView]:
        rows = {}
        for (name, names, first, end), event_at in zip(self._views, event_ats, strict=True):
            if event_at is not None:
                values = decode_values(found[first:end])
                rows[name] = StoredView(event_at, dict(zip(names, values, strict=True)))
        return rows

    def close(self) -> None:
        """Closes every connection."""
        self._connections.disconnect()

    def _ask(self, commands: Sequence[bytes]) -> list[list[bytes | None]]:
        """An answer for each command."""
        try:
            connection: Any = self._connections.get_connection()
            try:
                connection.send_packed_command([b"".join(commands)], check_health=False)
                answers = [connection.read_response(disable_decoding=True) for _ in commands]
            except BaseException:
                connection.disconnect()  # the answers that are still to come belong to nobody
                raise
            finally:
                self._connections.release(connection)
        except (redis.RedisError, OSError) as error:
            raise away(self._settings, error) from None
        return answers


def _time_of(stored: bytes | None) -> datetime | None:
    return decode_time(stored) if stored else None
