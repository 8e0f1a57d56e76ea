"""The bulk writer into Redis held to Feast's own: the same bytes; what is newer stays; what was cut off is gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features import bulk_redis
from features.bulk_redis import write_redis_store
from features.offline import build_snapshots
from features.online import OnlineStoreError
from features.redis_layout import encode_time, redis_key, time_field
from features.redis_settings import RedisSettings, redis_settings
from features.schema import load_schema
from tests.production_shape import running_redis

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
SERVED_AT = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
SCHEMA = load_schema()
YAML = """
project: {project}
provider: local
entity_key_serialization_version: 3
registry: {{path: {folder}/registry.db}}
online_store: {{type: redis, connection_string: "{address}"}}
offline_store: {{type: duckdb}}
"""


@pytest.fixture(scope="module")
def snapshots(busy_shop: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    build_snapshots(busy_shop().write(folder / "data"), [AS_OF, AS_OF - timedelta(days=20)], folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    """A client of an empty Redis."""
    import redis

    client: Any = redis.Redis.from_url(f"redis://{address}")
    with closing(client):
        client.flushall()
        client.config_set("maxmemory", "0")
        yield client


def server(address: str, **more: Any) -> RedisSettings:
    store = {"type": "redis", "connection_string": address, **more}
    return redis_settings({"project": "gardoon", "online_store": store})


def contents(client: Any) -> dict[bytes, dict[bytes, bytes]]:
    return {key: client.hgetall(key) for key in client.scan_iter()}


def test_it_stores_the_bytes_that_feasts_own_writer_stores(
    snapshots: Path, address: str, client: Any, tmp_path: Path
) -> None:
    from training.feature_store import open_served_store, register_views
    from training.online_store import write_through_feast
    from training.places import Places

    settings = tmp_path / "feature_store.yaml"
    settings.write_text(YAML.format(project="gardoon", folder=tmp_path, address=address))
    store = open_served_store(Places(var=tmp_path, feature_store_yaml=settings))
    register_views(store, snapshots)
    by_feast = write_through_feast(store, snapshots, as_of=AS_OF, served_at=SERVED_AT)
    stored_by_feast = contents(client)
    client.flushall()

    written = write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT)

    assert written == by_feast == {view.name: 3 for view in SCHEMA.views}
    assert contents(client) == stored_by_feast
    assert len(stored_by_feast) == 3


def test_a_newer_row_is_kept_and_one_of_the_same_time_is_written_again(
    snapshots: Path, address: str, client: Any
) -> None:
    write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT)
    key, old_key = redis_key("customer 1", "gardoon"), redis_key("customer 0", "gardoon")
    fresh = client.hgetall(old_key)
    later = encode_time(SERVED_AT + timedelta(microseconds=1))
    pushed = dict.fromkeys(client.hgetall(key), b"pushed") | {time_field(v.name): later for v in SCHEMA.views}
    client.hset(key, mapping=pushed)
    client.hset(old_key, mapping=dict.fromkeys(set(fresh) - {time_field(v.name) for v in SCHEMA.views}, b""))

    write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT)

    assert client.hgetall(key) == pushed
    assert client.hgetall(old_key) == fresh

    before = contents(client)
    write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT - timedelta(seconds=1))
    assert contents(client) == before, "all are newer"


def test_a_write_that_was_cut_off_is_gone_on_with(
    snapshots: Path, address: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_redis, "BATCH", 1)
    told: list[tuple[str, int, int]] = []

    def cut(view: str, done: int, wanted: int) -> None:
        if (view, done) == ("rfm", 2):
            raise KeyboardInterrupt
        told.append((view, done, wanted))

    given = {"as_of": AS_OF, "served_at": SERVED_AT}
    with pytest.raises(KeyboardInterrupt):
        write_redis_store(snapshots, server(address), **given, progress=cut)
    left = client.hgetall("gardoon:filling")
    before = list(told)
    written = write_redis_store(
        snapshots, server(address), **given, progress=lambda *batch: told.append(batch)
    )

    views = [view.name for view in SCHEMA.views]
    assert left[b"rows"] == b"5"
    assert before == [("profile", 1, 3), ("profile", 2, 3), ("profile", 3, 3), ("rfm", 1, 3)]
    assert told[4:] == [("rfm", 3, 3), *((view, n, 3) for view in views[2:] for n in (1, 2, 3))]
    assert written == dict.fromkeys(views, 3)
    assert len(contents(client)) == 3, "no mark is left"


def test_another_write_does_not_go_on_where_one_was_cut_off(
    snapshots: Path, address: str, client: Any
) -> None:
    def cut(_view: str, _done: int, _wanted: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT, progress=cut)
    later = SERVED_AT + timedelta(days=1)

    write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=later)

    times = {row[time_field(view.name)] for row in contents(client).values() for view in SCHEMA.views}
    assert times == {encode_time(later)}


def test_rows_that_went_meanwhile_are_missed_and_the_next_write_starts_anew(
    snapshots: Path, address: str, client: Any
) -> None:
    def lose(view: str, _done: int, _wanted: int) -> None:
        if view == SCHEMA.views[-1].name:
            client.delete(redis_key("customer 2", "gardoon"))

    with pytest.raises(OnlineStoreError, match="holds 2 rows of profile as new as was written, wanted 3"):
        write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT, progress=lose)
    write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT)

    assert len(contents(client)) == 3


def test_a_redis_that_takes_no_more_is_an_error_that_names_it(
    snapshots: Path, address: str, client: Any
) -> None:
    client.config_set("maxmemory", "1")

    with pytest.raises(OnlineStoreError, match=f"Redis at {address} does not answer: .*OutOfMemory"):
        write_redis_store(snapshots, server(address), as_of=AS_OF, served_at=SERVED_AT)


def test_keys_live_as_long_as_feasts_settings_say(snapshots: Path, address: str, client: Any) -> None:
    write_redis_store(snapshots, server(address, key_ttl_seconds=500), as_of=AS_OF, served_at=SERVED_AT)

    assert all(400 < client.ttl(key) <= 500 for key in contents(client))


def test_a_time_without_a_snapshot_is_refused(snapshots: Path, address: str, client: Any) -> None:
    with pytest.raises(OnlineStoreError, match="no snapshot at 2024-04-01"):
        write_redis_store(
            snapshots, server(address), as_of=datetime(2024, 4, 1, tzinfo=UTC), served_at=SERVED_AT
        )

    assert contents(client) == {}


def test_the_command_fills_redis(snapshots: Path, address: str, client: Any, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from training.cli import app

    (tmp_path / "feast").mkdir()
    (tmp_path / "feast" / "snapshots").symlink_to(snapshots)
    settings = tmp_path / "feature_store.yaml"
    settings.write_text(YAML.format(project="shop", folder=tmp_path, address=address))

    told = CliRunner().invoke(
        app, ["materialize", "--served-at", "now", "--feature-store", str(settings), "--var", str(tmp_path)]
    )

    assert told.exit_code == 0, told.output
    assert "coupons: 3 customers" in told.output
    row = client.hgetall(redis_key("customer 1", "shop"))
    rows = pq.read_metadata(snapshots / "rfm.parquet").num_rows
    assert (len(row), rows) == (len(SCHEMA.features) + len(SCHEMA.views), 6)
