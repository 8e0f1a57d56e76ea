"""Online features after events: what the definitions say of the log, at every moment and whatever is killed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pytest
from sqlalchemy import Engine, delete, select

from features.base import as_table, load_base
from features.bulk import write_online_store
from features.definitions import view_rows
from features.encoding import encode
from features.filled import NOBODY, describe_filling, read_filled, write_filled
from features.history import Sources, as_of_table
from features.live_zone import ZoneTable
from features.offline import build_snapshots
from features.online import SqliteFeatureReader
from features.online_row import SqliteRowWriter, ViewRow
from features.recompute import READ, ViewComputer, next_second
from features.schema import load_schema
from features.stored import StoredFeatures, StoredView
from features.told_rows import canonical_rows
from features.zone import utc_offsets
from service.refresher import Refresher, Source
from service.refreshing import opened_refresher
from service.settings import Settings
from service.store.event_erasure import erase_events
from service.store.naming import Naming
from service.store.stale_features import Cause, read_backlog
from service.store.tables import events, stale_features
from service.store.told_log import read_events, read_traits
from tests.features.conftest import Shop, at
from tests.service.conftest import Worker
from tests.service.events.test_event_routes import identify, send, track

FILLED_AT = datetime(2024, 3, 1, tzinfo=UTC)
SCHEMA = load_schema()
POPULATION = {term: 0.01 + place / 1000 for place, term in enumerate(NOBODY)}


@dataclass
class Live:
    """A worker that takes in events, the refresher behind it, and the base that the online store was filled from."""

    worker: Worker
    refresher: Refresher
    reader: SqliteFeatureReader
    base: Shop

    def refresh(self) -> None:
        """Rounds until nothing is out of date."""
        now = self.worker.clock()
        while any(self.refresher.step(cause, now) for cause in Cause):
            pass

    def online(self, customer_id: str, as_of: datetime) -> np.ndarray[Any, Any]:
        vector = encode(self.reader.read(customer_id), now=as_of, schema=SCHEMA)
        assert vector.degraded == ()
        return vector.values

    def offline(self, as_of: datetime) -> dict[str, np.ndarray[Any, Any]]:
        """What the batch definitions make of the base and the whole log, by customer."""
        with self.worker.state.engine.connect() as connection:
            owners = sorted(
                set(connection.scalars(select(events.c.customer_id).where(events.c.customer_id.is_not(None))))
            )
            told = read_events(connection, owners, received_from=None)
            said = read_traits(connection, owners)
        added = canonical_rows(told, said, currency="IRT")
        rows = {name: self.base.tables[name] + added[name] for name in READ}
        new = {(row["customer_id"], row["order_id"]) for row in added["orders"]}
        old = [row for row in self.base.tables["orders"] if (row["customer_id"], row["order_id"]) not in new]
        customers = {row["customer_id"]: row for row in self.base.tables["customers"]}
        for row in added["customers"]:
            before = customers.get(row["customer_id"], row)
            joined_at = min(before["joined_at"], row["joined_at"])
            customers[row["customer_id"]] = {**before, **row, "joined_at": joined_at}
        rows |= {"orders": old + added["orders"], "customers": list(customers.values())}
        found = batch_vectors(self.base, rows, as_of)
        return {owner: found[owner] for owner in owners if owner in found}


def batch_vectors(shop: Shop, rows: dict[str, list[dict[str, Any]]], as_of: datetime) -> dict[str, Any]:
    """The vector of each customer by the definitions as a batch runs them, under `POPULATION`."""
    zones = {row.get("time_zone") or "Asia/Tehran" for row in rows["customers"]}
    offsets = utc_offsets(zones, at("2022-01-01"), at("2025-12-31"))
    columns = {"time_zone": "string", "from_s": "int64", "until_s": "int64", "offset_s": "int64"}
    naive = as_of.replace(tzinfo=None)
    sources = Sources(
        **{name: ibis.memtable(as_table(name, rows[name])) for name in READ},
        zone_offsets=ibis.memtable([offset._asdict() for offset in offsets], schema=columns),
        shop_time_zone="Asia/Tehran",
        population=ibis.memtable({"event_timestamp": [naive], **{t: [v] for t, v in POPULATION.items()}}),
    )
    views: dict[str, dict[str, StoredView]] = {}
    for view in SCHEMA.views:
        for row in shop.backend.to_pyarrow(view_rows(view, sources, as_of_table([as_of]))).to_pylist():
            values = {f.name: row[f.name] for f in view.features}
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            views.setdefault(row["customer_id"], {})[view.name] = StoredView(as_of, values)
    return {
        who: encode(StoredFeatures(who, found), now=as_of, schema=SCHEMA).values
        for who, found in views.items()
    }


@pytest.fixture(scope="module")
def computer() -> Iterator[ViewComputer]:
    with ViewComputer(schema=SCHEMA, zones=ZoneTable("Asia/Tehran")) as computer:
        yield computer


@pytest.fixture(scope="module")
def base(busy_shop: Callable[[], Shop], tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Path]:
    """The shop as it was when the store was filled, and the folder with its data set and snapshots."""
    shop, var = busy_shop(), tmp_path_factory.mktemp("base")
    times = {
        "orders": "ordered_at",
        "events": "occurred_at",
        "redemptions": "redeemed_at",
        "campaigns": "starts_at",
    }
    for table, time in times.items():
        shop.tables[table] = [row for row in shop.tables[table] if row[time] < FILLED_AT]
    folder = shop.write(var / "data" / "shop")
    (folder / "dataset.json").write_text('{"name": "shop"}')
    build_snapshots(folder, [FILLED_AT], var / "snapshots")
    return shop, var


@pytest.fixture
def live(worker: Worker, base: tuple[Shop, Path], computer: ViewComputer, tmp_path: Path) -> Iterator[Live]:
    shop, var = base
    database = tmp_path / "online.db"
    write_online_store(var / "snapshots", database, as_of=FILLED_AT, served_at=FILLED_AT)
    source = Source(
        base=load_base(var / "data" / "shop", timedelta()), population=POPULATION, received_from=None
    )
    worker.clock.now = FILLED_AT + timedelta(seconds=5)
    with (
        closing(SqliteRowWriter(database=database)) as writer,
        closing(SqliteFeatureReader(database=database, schema=SCHEMA)) as reader,
    ):
        refresher = Refresher(
            engine=worker.state.engine, computer=computer, writer=writer, source=source, currency="IRT"
        )
        yield Live(worker, refresher, reader, shop)


CUSTOMERS = ("customer 0", "customer 1", "new 1", "new 2")
CHANNELS = ("sms", "email", "app_push")


def day_of_messages(start: datetime, seed: int) -> list[tuple[datetime, dict[str, Any]]]:
    """A day's messages by when they come: late ones, corrections, anonymous ones, repeats and all kinds of events."""
    rng = random.Random(seed)
    found: list[tuple[datetime, dict[str, Any]]] = []
    for number in range(70):
        comes_at = start + timedelta(seconds=rng.uniform(0, 86_400))
        late = timedelta(hours=rng.choice([0, 0, 0, 5, 60]))
        who: dict[str, Any] = {"userId": rng.choice(CUSTOMERS)}
        if rng.random() < 0.2:
            who = {"userId": None, "anonymousId": rng.choice(["v1", "v2"])}
        name, properties = something(rng)
        sent = track(
            f"m{number}", event=name, properties=properties, timestamp=(comes_at - late).isoformat(), **who
        )
        found.append((comes_at, sent))
        if rng.random() < 0.1:
            found.append((comes_at + timedelta(minutes=1), sent))
    for hours, visitor, customer in ((9, "v1", "customer 0"), (15, "v2", "new 2")):
        comes_at = start + timedelta(hours=hours)
        traits = {"time_zone": "Europe/Berlin", "consent_sms": True, "age_years": 31, "kids_count": "many"}
        named = identify(f"i{hours}", userId=customer, anonymousId=visitor, traits=traits)
        found.append((comes_at, {**named, "timestamp": comes_at.isoformat()}))
    return sorted(found, key=lambda each: each[0])


def something(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """An event's name and properties."""
    code, order = rng.choice(["K1", "K2", "K3"]), rng.choice(["order 0", "order 1", "o1", "o2", "o3"])
    message = {"channel": rng.choice(CHANNELS), "topic": rng.choice(["wheel", "winter"])}
    return rng.choice(
        [
            ("product_viewed", {"product_id": "p"}),
            ("added_to_cart", {"product_id": "p"}),
            ("payment_chosen", {}),
            (
                "purchased",
                {"order_id": order, "amount": rng.randrange(9_000), "currency": "IRT", "discount": 70},
            ),
            ("coupon_given", {"code": code, "amount": 5, "currency": "IRT"}),
            ("coupon_expired", {"code": code}),
            ("coupon_redeemed", {"code": code, "order_id": order, "discount": 90}),
            ("message_sent", message),
            ("message_delivered", message),
            ("message_clicked", message),
            ("message_opened", message),
            ("unsubscribed", {"channel": "sms"}),
            ("Newsletter Read", {"topic": "winter"}),
        ]
    )


def assert_agree(live: Live, as_of: datetime) -> None:
    offline = live.offline(as_of)
    assert offline.keys() >= {"customer 0", "new 2"}
    for who, wanted in offline.items():
        np.testing.assert_allclose(
            live.online(who, as_of), wanted, rtol=1e-9, atol=1e-9, err_msg=f"{who} at {as_of}"
        )


def test_a_day_of_events_gives_online_what_the_definitions_say_of_the_log(live: Live) -> None:
    messages = day_of_messages(FILLED_AT + timedelta(seconds=10), seed=4)
    clock = live.worker.clock

    for number, (comes_at, message) in enumerate(messages):
        clock.now = comes_at
        send(live.worker, message)
        if number % 5 == 0:
            live.refresh()
    live.refresh()
    assert_agree(live, next_second(clock.now))
    due = windows_of(live)
    clock.now = min(due.values()) - timedelta(seconds=1)
    assert_agree(live, clock.now)
    clock.now += timedelta(days=31)
    live.refresh()
    assert_agree(live, next_second(clock.now))

    with live.worker.state.engine.connect() as connection:
        assert read_backlog(connection).length == 0
    assert windows_of(live).keys() == due.keys() == set(CUSTOMERS)


def windows_of(live: Live) -> dict[str, datetime]:
    """When each customer's features change next."""
    with live.worker.state.engine.connect() as connection:
        rows = connection.execute(select(stale_features).where(stale_features.c.cause == Cause.WINDOW)).all()
    assert len({row.customer_id for row in rows}) == len(rows)
    return {row.customer_id: datetime.fromtimestamp(row.due_at / 1e6, UTC) for row in rows}


class KilledError(Exception):
    """Stands for a process that ends in the middle."""


@dataclass
class DyingWriter:
    """Writes the first rows, then is killed."""

    inner: SqliteRowWriter
    first: int

    def write_many(self, rows: list[ViewRow]) -> int:
        self.inner.write_many(rows[: self.first])
        raise KilledError

    def erase(self, customer_id: str) -> None:
        self.inner.erase(customer_id)

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize("first", [0, 2, 1000])
def test_a_round_that_is_killed_is_done_again_whole(live: Live, first: int) -> None:
    inner = live.refresher.writer
    assert isinstance(inner, SqliteRowWriter)
    send(live.worker, track("m1", event="product_viewed", properties={"product_id": "p"}, userId="new 1"))
    dying = replace(live.refresher, writer=DyingWriter(inner, first))
    with pytest.raises(KilledError):
        dying.step(Cause.EVENT, live.worker.clock())

    live.refresh()

    as_of = next_second(live.worker.clock())
    np.testing.assert_allclose(live.online("new 1", as_of), live.offline(as_of)["new 1"], rtol=1e-9)


@dataclass
class ForgettingWriter:
    """Writes rows while the customer is being forgotten: the log is done with them, the online store not yet."""

    inner: SqliteRowWriter
    engine: Engine

    def write_many(self, rows: list[ViewRow]) -> int:
        with self.engine.begin() as connection:
            erase_events(connection, Naming("new 1"))
        return self.inner.write_many(rows)

    def erase(self, customer_id: str) -> None:
        self.inner.erase(customer_id)

    def close(self) -> None:
        self.inner.close()


def test_who_is_forgotten_during_a_round_is_let_go_of_and_not_noted_again(live: Live) -> None:
    inner, engine = live.refresher.writer, live.worker.state.engine
    assert isinstance(inner, SqliteRowWriter)
    for number, who in enumerate(("new 1", "new 2")):
        send(
            live.worker,
            track(f"m{number}", event="product_viewed", properties={"product_id": "p"}, userId=who),
        )

    replace(live.refresher, writer=ForgettingWriter(inner, engine)).step(Cause.EVENT, live.worker.clock())

    live.refresh()
    assert live.reader.read("new 1").views == {}
    assert live.reader.read("new 2").views.keys() == {view.name for view in SCHEMA.views}
    assert windows_of(live).keys() == {"new 2"}


def written(live: Live, customer_id: str) -> set[str]:
    """The views that are as of now."""
    rows, as_of = live.reader.read(customer_id).views, next_second(live.worker.clock())
    return {name for name, view in rows.items() if view.event_at == as_of}


@pytest.mark.parametrize(
    ("event", "properties", "views"),
    [
        ("coupon_expired", {"code": "K"}, {"profile", "coupons"}),
        ("message_opened", {"channel": "sms", "topic": "x"}, {"profile", "engagement", "topics"}),
        ("Newsletter Read", {}, {"profile"}),
    ],
)
def test_the_views_that_an_event_touches_come_at_once_and_the_others_once_for_a_new_customer(
    live: Live, event: str, properties: dict[str, Any], views: set[str]
) -> None:
    clock, everything = live.worker.clock, {view.name for view in SCHEMA.views}
    steps = []
    for number in range(2):
        send(live.worker, track(f"m{number}", event=event, properties=properties, userId="new 1"))
        live.refresher.step(Cause.EVENT, clock())
        steps.append(written(live, "new 1"))
        live.refresh()
        steps.append(written(live, "new 1"))
        clock.advance(minutes=5)

    assert steps == [views, everything, views, views]


def test_a_window_that_ended_is_not_forgotten_over_an_event_that_came_before_its_round(live: Live) -> None:
    clock = live.worker.clock
    send(
        live.worker, track("m1", event="product_viewed", properties={"product_id": "p"}, userId="customer 0")
    )
    live.refresh()
    clock.now = windows_of(live)["customer 0"] + timedelta(hours=1)

    send(
        live.worker, track("m2", event="product_viewed", properties={"product_id": "p"}, userId="customer 0")
    )
    live.refresher.step(Cause.EVENT, clock())
    at_once = written(live, "customer 0")
    live.refresh()

    assert at_once == {"profile", "funnel", "engagement"}
    assert written(live, "customer 0") == {view.name for view in SCHEMA.views}


def test_a_new_filling_notes_everybody_once_and_shifts_the_base_to_when_it_is_served(
    worker: Worker, base: tuple[Shop, Path], tmp_path: Path
) -> None:
    served_at, engine = datetime.now(UTC), worker.state.engine
    (tmp_path / "data").symlink_to(base[1] / "data")
    database = tmp_path / "feast" / "online.db"
    write_online_store(base[1] / "snapshots", database, as_of=FILLED_AT, served_at=served_at)
    filled = describe_filling(base[1] / "snapshots", as_of=FILLED_AT, served_at=served_at)
    write_filled(database.parent, filled)
    send(worker, track("m1", event="Newsletter Read", userId="customer 1"))
    with engine.begin() as connection:
        connection.execute(delete(stale_features))
    with closing(SqliteFeatureReader(database=database, schema=SCHEMA)) as reader:
        before = encode(reader.read("customer 1"), now=served_at, schema=SCHEMA)

        with opened_refresher(engine, Settings(var=tmp_path)) as refresher:
            first = refresher.step(Cause.BASE, datetime.now(UTC))
        with opened_refresher(engine, Settings(var=tmp_path)) as again:
            second = again.step(Cause.BASE, datetime.now(UTC))
        after = encode(reader.read("customer 1"), now=served_at, schema=SCHEMA)

    assert read_filled(database.parent) == filled
    assert first is not None
    assert (first.customers, second) == (1, None)
    minutes = 1.0  # by which ages may differ: the row is of when it was computed
    np.testing.assert_allclose(before.values, after.values, atol=minutes)
    hours = [column.startswith("activity_by_hour") for column in SCHEMA.columns]
    np.testing.assert_allclose(before.values[hours], after.values[hours], rtol=1e-12)
    assert not math.isnan(after.values[hours][0])
