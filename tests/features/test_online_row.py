"""One row of one customer written as an event changes it, and what our readers and Feast's own then read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from features.bulk import write_online_store
from features.offline import build_snapshots
from features.online import FeastFeatureReader, OnlineStoreError, SqliteFeatureReader
from features.online_redis import RedisFeatureReader
from features.online_row import RowError, SqliteRowWriter, ViewRow
from features.online_row_redis import RedisRowWriter
from features.redis_settings import redis_settings
from features.schema import View, load_schema
from features.wire import FeatureValue
from tests.production_shape import running_redis

if TYPE_CHECKING:
    from feast import FeatureStore

AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
SERVED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCHEMA = load_schema()
PROFILE, ENGAGEMENT = SCHEMA.view("profile"), SCHEMA.view("engagement")
CURVE = tuple(i / 7 for i in range(24))
YAML = """
project: gardoon
provider: local
entity_key_serialization_version: 3
registry: {{path: {folder}/registry.db}}
online_store: {{type: redis, connection_string: "{address}"}}
offline_store: {{type: duckdb}}
"""


def row(view: View, **given: FeatureValue) -> dict[str, FeatureValue]:
    """A row with these values and null for the rest."""
    return {**dict.fromkeys(view.feature_names), **given}


@pytest.fixture(scope="module")
def snapshots(busy_shop: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    build_snapshots(busy_shop().write(folder / "data"), [AS_OF], folder / "out")
    return folder / "out"


@pytest.fixture
def database(snapshots: Path, tmp_path: Path) -> Path:
    write_online_store(snapshots, tmp_path / "online.db", as_of=AS_OF, served_at=SERVED_AT)
    return tmp_path / "online.db"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as address:
        yield address


def settings_of(address: str, **more: Any) -> Any:
    store = {"type": "redis", "connection_string": address, **more}
    return redis_settings({"project": "gardoon", "online_store": store})


def write_in_turn(writer: SqliteRowWriter | RedisRowWriter, customer_id: str) -> list[bool]:
    """A first row, one of the same moment, one before and one after."""
    later = SERVED_AT + timedelta(minutes=1)
    rows = [
        (later, "Asia/Tehran"),
        (later, "کد ۳۰"),
        (later - timedelta(seconds=1), "too late"),
        (later + timedelta(seconds=1), "Europe/Berlin"),
    ]
    return [
        writer.write(customer_id, PROFILE, row(PROFILE, time_zone=zone, consent_sms=True), at)
        for at, zone in rows
    ]


def test_a_row_of_the_file_is_replaced_by_one_as_new_and_the_other_views_stay(database: Path) -> None:
    with (
        closing(SqliteRowWriter(database=database)) as writer,
        closing(SqliteFeatureReader(database=database, schema=SCHEMA)) as reader,
    ):
        before = reader.read("customer 1")
        stored = write_in_turn(writer, "customer 1")
        after, another = reader.read("customer 1"), reader.read("customer 0")
        new = [writer.write("new", ENGAGEMENT, row(ENGAGEMENT, activity_by_hour=CURVE), SERVED_AT)]
        arrived = reader.read("new")

    assert (stored, new) == ([True, True, False, True], [True])
    assert after.views["profile"].values == row(PROFILE, time_zone="Europe/Berlin", consent_sms=True)
    assert after.views["profile"].event_at == SERVED_AT + timedelta(seconds=61)
    assert {**after.views, "profile": None} == {**before.views, "profile": None}
    assert another.views["profile"].event_at == SERVED_AT
    assert arrived.views["engagement"].values == row(ENGAGEMENT, activity_by_hour=CURVE)


def test_many_rows_are_stored_at_once_or_none_is(database: Path) -> None:
    new = [ViewRow(f"new {n}", PROFILE, row(PROFILE, age_years=float(n)), SERVED_AT) for n in range(3)]
    old = ViewRow("customer 1", PROFILE, row(PROFILE), SERVED_AT - timedelta(days=1))
    with (
        closing(SqliteRowWriter(database=database)) as writer,
        closing(SqliteFeatureReader(database=database, schema=SCHEMA)) as reader,
    ):
        stored = writer.write_many([*new, old])
        with pytest.raises(RowError, match="unknown"):
            writer.write_many([new[0], ViewRow("other", PROFILE, {"colour": 1.0}, SERVED_AT)])

        assert stored == 3
        assert [reader.read(each.customer_id).views["profile"].values for each in new] == [
            each.values for each in new
        ]
        assert reader.read("customer 1").views["profile"].event_at == SERVED_AT
        assert reader.read("other").views == {}


def test_a_row_of_other_features_is_refused_and_nothing_is_stored(database: Path) -> None:
    with (
        closing(SqliteRowWriter(database=database)) as writer,
        closing(SqliteFeatureReader(database=database, schema=SCHEMA)) as reader,
    ):
        lacking = dict.fromkeys(PROFILE.feature_names - {"age_years"}, 0.0) | {"colour": 1.0}
        with pytest.raises(RowError, match=r"profile lacks \['age_years'\] and has unknown \['colour'\]"):
            writer.write("new", PROFILE, lacking, SERVED_AT)

        assert reader.read("new").views == {}


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnlineStoreError, match=r"online\.db is not an online store"):
        SqliteRowWriter(database=tmp_path / "online.db")


@pytest.mark.slow
def test_a_row_in_redis_is_replaced_by_one_as_new_in_one_step(address: str) -> None:
    with (
        closing(RedisRowWriter(settings=settings_of(address))) as writer,
        closing(RedisFeatureReader(settings=settings_of(address), schema=SCHEMA)) as reader,
    ):
        stored = write_in_turn(writer, "in turn")
        of_one_second = [
            writer.write("fine", PROFILE, row(PROFILE, age_years=age), SERVED_AT + timedelta(microseconds=us))
            for age, us in ((1.0, 5), (2.0, 4), (3.0, 6))
        ]
        found, fine = reader.read("in turn"), reader.read("fine")

    assert stored == [True, True, False, True]
    assert of_one_second == [True, False, True]
    assert found.views["profile"].values == row(PROFILE, time_zone="Europe/Berlin", consent_sms=True)
    assert found.views["profile"].event_at == SERVED_AT + timedelta(seconds=61)
    assert fine.views["profile"].values["age_years"] == 3.0


@pytest.mark.slow
def test_many_rows_go_into_redis_in_one_pipeline_and_can_be_let_go(address: str) -> None:
    new = [ViewRow(f"many {n}", PROFILE, row(PROFILE, age_years=float(n)), SERVED_AT) for n in range(3)]
    late = ViewRow("many 0", PROFILE, row(PROFILE), SERVED_AT - timedelta(days=1))
    with (
        closing(RedisRowWriter(settings=settings_of(address))) as writer,
        closing(RedisFeatureReader(settings=settings_of(address), schema=SCHEMA)) as reader,
    ):
        stored = writer.write_many([*new, late])
        found = [reader.read(each.customer_id).views["profile"].values for each in new]
        writer.erase("many 1")

        assert stored == 3
        assert found == [each.values for each in new]
        assert reader.read("many 1").views == {}


@pytest.mark.slow
def test_a_key_that_is_to_end_is_given_its_time_again(address: str) -> None:
    import redis

    client: Any = redis.Redis.from_url(f"redis://{address}")
    with (
        closing(RedisRowWriter(settings=settings_of(address, key_ttl_seconds=500))) as writer,
        closing(client),
    ):
        writer.write("mortal", PROFILE, row(PROFILE), SERVED_AT)

        (key,) = [key for key in client.scan_iter() if b"mortal" in key]
        assert 400 < client.ttl(key) <= 500


@pytest.fixture
def feast_on_redis(snapshots: Path, address: str, tmp_path: Path) -> FeatureStore:
    from training.feature_store import open_served_store, register_views
    from training.places import Places

    settings = tmp_path / "feature_store.yaml"
    settings.write_text(YAML.format(folder=tmp_path, address=address))
    store = open_served_store(Places(var=tmp_path, feature_store_yaml=settings))
    register_views(store, snapshots)
    return store


@pytest.mark.slow
def test_feast_reads_the_row_from_redis(feast_on_redis: FeatureStore, address: str) -> None:
    values = row(PROFILE, time_zone="Asia/Tehran", age_years=0.1 + 0.2, consent_email=False)

    with closing(RedisRowWriter(settings=settings_of(address))) as writer:
        writer.write("of feast", PROFILE, values, SERVED_AT)
        writer.write("of feast", ENGAGEMENT, row(ENGAGEMENT, activity_by_hour=CURVE), SERVED_AT)

    found = FeastFeatureReader(store=feast_on_redis, schema=SCHEMA).read("of feast").views
    assert {view: stored.event_at for view, stored in found.items()} == dict.fromkeys(
        ["profile", "engagement"], SERVED_AT
    )
    assert found["profile"].values == values
    assert found["engagement"].values == row(ENGAGEMENT, activity_by_hour=CURVE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
def test_feast_reads_the_row_from_the_file(snapshots: Path, database: Path) -> None:
    from training.feature_store import apply, open_store

    values = row(PROFILE, time_zone="Asia/Tehran", age_years=0.1 + 0.2, consent_email=False)
    apply(database.parent, snapshots)

    with closing(SqliteRowWriter(database=database)) as writer:
        writer.write("customer 1", PROFILE, values, SERVED_AT)

    found = FeastFeatureReader(store=open_store(database.parent), schema=SCHEMA).read("customer 1").views
    assert found["profile"].values == values
    assert found["profile"].event_at == SERVED_AT
    assert set(found) == {view.name for view in SCHEMA.views}
