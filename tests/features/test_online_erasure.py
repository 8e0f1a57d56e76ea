"""One customer's rows go from the online store, nobody else's; in SQLite and in Redis as Feast writes them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.online_erasure import erase_from_redis, erase_from_sqlite
from features.wire import entity_key
from tests.production_shape import running_redis


def test_a_customers_values_go_from_every_table_of_the_file(tmp_path: Path) -> None:
    database = tmp_path / "online.db"
    with closing(sqlite3.connect(database)) as store, store:
        for view in ("rfm", "a_view_of_an_earlier_release"):
            store.execute(f'CREATE TABLE "gardoon_{view}" (entity_key BLOB, feature_name TEXT, value BLOB)')
            rows = [(entity_key(customer), "f", b"\x29") for customer in ("c1", "needle-4711")]
            store.executemany(f'INSERT INTO "gardoon_{view}" VALUES (?, ?, ?)', rows)

    erased = erase_from_sqlite(database, "needle-4711")

    assert erased == 2
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (left.count(b"needle-4711"), left.count(b"c1") > 0) == (0, True)
    assert erase_from_sqlite(database, "needle-4711") == 0


def test_a_store_that_was_never_filled_holds_nothing(tmp_path: Path) -> None:
    assert erase_from_sqlite(tmp_path / "online.db", "c1") == 0


@pytest.mark.slow
def test_a_customers_key_goes_from_redis(tmp_path: Path) -> None:
    import redis
    from feast.infra.online_stores.helpers import _redis_key
    from feast.infra.online_stores.redis import RedisOnlineStoreConfig
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    with running_redis(tmp_path) as address:
        config = RedisOnlineStoreConfig(connection_string=address)
        store: Any = SimpleNamespace(config=SimpleNamespace(online_store=config, project="gardoon"))
        client = redis.Redis.from_url(f"redis://{address}")
        for customer in ("c1", "needle-4711"):
            key = EntityKey(join_keys=["customer_id"], entity_values=[Value(string_val=customer)])
            client.hset(_redis_key("gardoon", key), "f", b"1")

        erased = erase_from_redis(store, "needle-4711")

        (left,) = client.keys()
        again = erase_from_redis(store, "needle-4711")
        client.close()
    assert (erased, again) == (1, 0)
    assert b"c1" in left
