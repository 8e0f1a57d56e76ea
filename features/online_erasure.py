"""Taking one customer out of the online store: from Feast's SQLite file and from Redis, whose keys Feast makes alike.

Feast itself has no call that removes one entity (0.67: `delete_entity_values` of its Redis store empties whole views).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from features.online import OnlineStoreError
from features.redis_layout import redis_key
from features.wire import entity_key

if TYPE_CHECKING:
    from feast import FeatureStore


def erase_from_sqlite(database: Path, customer_id: str) -> int:
    """How many stored values of the customer went from the file, of every view that it ever had; 0 where there is none.

    The bytes are overwritten, and the write-ahead log is emptied. Raises `OnlineStoreError` when the file cannot be changed
    or somebody reads it for so long that the log cannot be emptied.
    """
    if not database.is_file():
        return 0
    try:
        with closing(sqlite3.connect(database, timeout=10)) as store:
            store.execute("PRAGMA secure_delete = ON")
            with store:
                erased = sum(_erase(store, table, customer_id) for table in _views(store))
            (busy, _, _) = store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise OnlineStoreError(f"{database} cannot be changed: {error}") from error
    if busy:
        raise OnlineStoreError(
            f"{database}: its write-ahead log still holds what was erased; somebody reads it"
        )
    return erased


def _views(store: sqlite3.Connection) -> list[str]:
    """The tables that have Feast's key."""
    names = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [
        name
        for name in names
        if any(column[1] == "entity_key" for column in store.execute(f'PRAGMA table_info("{name}")'))
    ]


def _erase(store: sqlite3.Connection, table: str, customer_id: str) -> int:
    return store.execute(f'DELETE FROM "{table}" WHERE entity_key = ?', (entity_key(customer_id),)).rowcount


def erase_from_redis(store: FeatureStore, customer_id: str) -> int:
    """How many keys of the customer went from the Redis that Feast is set to: one holds all views, none remains.

    Raises `OnlineStoreError` when it does not answer.
    """
    from feast.infra.online_stores.redis import RedisOnlineStore
    from redis.exceptions import RedisError

    try:
        client = RedisOnlineStore()._get_client(store.config.online_store)
        return int(client.delete(redis_key(customer_id, store.config.project)))
    except RedisError as error:
        raise OnlineStoreError(f"Redis does not answer: {type(error).__name__}") from error
