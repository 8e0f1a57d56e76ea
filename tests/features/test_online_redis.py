"""The Redis reader held to Feast on a real Redis: the same customers, the same values to the bit, the same errors told."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from features.online import FeastFeatureReader, OnlineStoreError, read_settings
from features.online_redis import RedisFeatureReader
from features.redis_layout import feature_field, redis_key
from features.redis_settings import redis_settings
from features.schema import JOIN_KEY, load_schema
from features.wire import encode_values
from tests.production_shape import running_redis
from tests.service.real_shop import free_port

if TYPE_CHECKING:
    from feast import FeatureStore

SCHEMA = load_schema()
NOW = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=900)
YAML = """
project: gardoon
provider: local
entity_key_serialization_version: 3
registry: {{path: {folder}/registry.db}}
online_store: {{type: redis, connection_string: "{address},socket_timeout=1,retry=null"}}
offline_store: {{type: duckdb}}
"""
CURVE = tuple(i / 7 for i in range(24))
CUSTOMERS: dict[str, dict[str, dict[str, Any]]] = {
    "known": {view.name: {} for view in SCHEMA.views},
    "مشتری ۷": {"profile": {"time_zone": "کد ۳۰", "consent_sms": True, "consent_email": False}},
    "of one view": {"rfm": {"spend_7d": -0.0, "spend_28d": 5e-324, "spend_90d": 0.1 + 0.2}},
    "of nulls": {"profile": {f.name: None for f in SCHEMA.view("profile").features}},
    "of lists": {"engagement": {"activity_by_hour": CURVE}},
    "of an empty list": {"engagement": {"activity_by_hour": ()}},
    "of an empty text": {"profile": {"time_zone": ""}},
    "stale": {"funnel": {"purchases_1d": 3.0}},
    "lacking a feature": {"rfm": {"orders_7d": 1.0}},
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture(scope="module")
def settings_file(address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feast")
    (folder / "feature_store.yaml").write_text(YAML.format(folder=folder, address=address))
    return folder / "feature_store.yaml"


@pytest.fixture(scope="module")
def store(settings_file: Path) -> FeatureStore:
    """Feast on that Redis, with the customers that its own writer stored."""
    from feast import FeatureStore

    from training.feature_store import register_views

    store = FeatureStore(fs_yaml_file=settings_file)
    register_views(store, settings_file.parent)
    for customer_id, views in CUSTOMERS.items():
        for view, values in views.items():
            write_by_feast(store, customer_id, view, values, LONG_AGO if customer_id == "stale" else NOW)
    client = store._get_provider().online_store._get_client(store.config.online_store)
    client.hdel(redis_key("lacking a feature", "gardoon"), feature_field("rfm", "orders_14d"))
    return store


def write_by_feast(
    store: FeatureStore, customer_id: str, view: str, values: dict[str, Any], at: datetime
) -> None:
    """One row by the writer of Feast's Redis store; a feature without a value has its default."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    row = {}
    for feature in SCHEMA.view(view).features:
        is_list = feature.type == "float_list"
        default = tuple(i / 7 for i in range(feature.length)) if is_list else feature.default
        value = values.get(feature.name, default)
        row[feature.name] = Value.FromString(encode_values(feature.type, [value])[0])
    key = EntityKey(join_keys=[JOIN_KEY], entity_values=[Value(string_val=customer_id)])
    online = store._get_provider().online_store
    online.online_write_batch(store.config, store.get_feature_view(view), [(key, row, at, at)], None)


@contextmanager
def opened(settings_file: Path) -> Iterator[RedisFeatureReader]:
    reader = RedisFeatureReader(settings=redis_settings(read_settings(settings_file)), schema=SCHEMA)
    with closing(reader):
        yield reader


def bits(value: Any) -> Any:
    """A value of which two are equal only if their bits are."""
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@pytest.mark.slow
@pytest.mark.parametrize("customer_id", [*CUSTOMERS, "nobody", ""])
def test_it_reads_what_get_online_features_reads(
    store: FeatureStore, settings_file: Path, customer_id: str
) -> None:
    with opened(settings_file) as reader:
        ours = reader.read(customer_id)

    through_feast = FeastFeatureReader(store=store, schema=SCHEMA).read(customer_id)
    assert {view: row.event_at for view, row in ours.views.items()} == {
        view: row.event_at for view, row in through_feast.views.items()
    }
    for view, row in through_feast.views.items():
        assert {name: bits(value) for name, value in ours.views[view].values.items()} == {
            name: bits(value) for name, value in row.values.items()
        }
    assert set(ours.views) == set(CUSTOMERS.get(customer_id, {}))


@pytest.mark.slow
def test_an_old_row_keeps_its_time_and_a_feature_never_written_is_null(
    store: FeatureStore, settings_file: Path
) -> None:
    assert store.project == "gardoon"
    with opened(settings_file) as reader:
        stale, lacking = reader.read("stale"), reader.read("lacking a feature")

    assert stale.views["funnel"].event_at == LONG_AGO.replace(microsecond=0)
    assert stale.views["funnel"].values["purchases_1d"] == 3.0
    assert lacking.views["rfm"].values["orders_14d"] is None
    assert lacking.views["rfm"].values["orders_7d"] == 1.0


@pytest.mark.slow
def test_one_read_is_one_command_and_threads_read_at_the_same_time(
    store: FeatureStore, address: str, settings_file: Path
) -> None:
    import redis

    names = [*CUSTOMERS] * 20
    client: Any = redis.Redis.from_url(f"redis://{address}")
    assert store.project == "gardoon"
    with opened(settings_file) as reader, closing(client):
        expected = [reader.read(name) for name in names]
        before = client.info("commandstats")["cmdstat_hmget"]["calls"]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(reader.read, names))
        asked = client.info("commandstats")["cmdstat_hmget"]["calls"] - before

    assert found == expected
    assert asked == len(names)


@pytest.mark.slow
def test_the_service_reads_redis_itself_and_any_other_store_through_feast(
    store: FeatureStore, settings_file: Path, tmp_path: Path
) -> None:
    from service.app import open_reader
    from service.settings import Settings

    cluster = settings_file.with_name("sentinel.yaml")
    text = settings_file.read_text().replace("type: redis", "type: redis, redis_type: redis_sentinel")
    cluster.write_text(text)

    direct = open_reader(Settings(var=tmp_path, feature_store_yaml=settings_file))
    through_feast = open_reader(Settings(var=tmp_path, feature_store_yaml=cluster))

    assert store.project == "gardoon"
    assert isinstance(direct, RedisFeatureReader)
    assert direct.read("known").views
    direct.close()
    assert isinstance(through_feast, FeastFeatureReader)


@pytest.mark.slow
def test_a_connection_that_redis_closed_is_replaced(
    store: FeatureStore, address: str, settings_file: Path
) -> None:
    import redis

    client: Any = redis.Redis.from_url(f"redis://{address}")
    assert store.project == "gardoon"
    with opened(settings_file) as reader, closing(client):
        before = reader.read("known")
        client.client_kill_filter(_type="normal", skipme=True)

        assert reader.read("known") == before


def reading(address: str, options: str = "") -> RedisFeatureReader:
    """A reader of a Redis at that address."""
    told = {"project": "gardoon", "online_store": {"type": "redis", "connection_string": address + options}}
    return RedisFeatureReader(settings=redis_settings(told), schema=SCHEMA)


def test_a_redis_that_is_away_is_named() -> None:
    port = free_port()
    with (
        closing(reading(f"127.0.0.1:{port}", ",password=needle")) as reader,
        pytest.raises(OnlineStoreError, match=f"Redis at 127.0.0.1:{port} does not answer: Connection") as e,
    ):
        reader.read("known")

    assert "needle" not in str(e.value)


def test_an_option_that_the_client_does_not_know_is_refused() -> None:
    with pytest.raises(OnlineStoreError, match=r"Redis at localhost:1: .*'colour'"):
        reading("localhost:1", ",colour=red")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a server that answers anything with these bytes, or with silence."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(65536):
                    connection.sendall(answer)

        talking = threading.Thread(target=talk)
        talking.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        talking.join(timeout=10)


def test_a_server_that_repeats_the_password_is_not_repeated() -> None:
    refusal = b"-ERR unknown command 'AUTH', with args beginning with: 'needle-4711'\r\n"

    with (
        answering(refusal) as address,
        closing(reading(address, ",password=needle-4711")) as reader,
        pytest.raises(OnlineStoreError) as refused,
    ):
        reader.read("known")

    told = SimpleNamespace(text=str(refused.value), cause=refused.value.__cause__)
    assert "unknown command 'AUTH'" in told.text
    assert "needle" not in told.text
    assert told.cause is None


def test_a_server_that_never_answers_is_left_after_the_timeout() -> None:
    with (
        answering(b"") as address,
        closing(reading(address, ",socket_timeout=0.1")) as reader,
        pytest.raises(OnlineStoreError, match="TimeoutError"),
    ):
        reader.read("known")


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_many_are_read_as_each_alone_and_everybody_is_listed(settings_file: Path) -> None:
    asked = [*CUSTOMERS, "nobody"] * 30

    with opened(settings_file) as reader:
        read = reader.read_many(asked)

        assert list(map(repr, read)) == [repr(reader.read(each)) for each in asked]
        assert set(CUSTOMERS) <= set(reader.customer_ids())
