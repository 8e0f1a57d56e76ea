"""From messages over HTTP to features, without any file of the shop's: the nightly commands; and what a later look says."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ibis.backends.duckdb import Backend
from sqlalchemy import Engine
from typer.testing import CliRunner

from features.definitions import DEFINITIONS
from features.offline import build_snapshots
from features.online import SqliteFeatureReader
from features.schema import load_schema
from service.events.told import Told
from service.store.engine import open_log
from service.store.event_log import record_events
from tests.databases import SQLITE
from tests.features.conftest import Shop
from tests.service.conftest import Worker
from training.cli import app
from training.importing.event_log import LogImport, import_log

pytestmark = pytest.mark.slow
AS_OF = datetime(2025, 1, 20, tzinfo=UTC)


def rows(snapshots: Path, view: str) -> dict[str, dict[str, Any]]:
    """A view's rows by customer and moment."""
    found = pq.read_table(snapshots / f"{view}.parquet").to_pylist()
    return {f"{row['customer_id']} {row['event_timestamp']}": row for row in found}


def post(worker: Worker, kind: str, **message: Any) -> None:
    response = worker.client.post(f"/v1/{kind}", json=message)
    assert response.json() == {"success": True, "taken": 1, "known": 0, "kept_aside": []}, response.text


def tell(worker: Worker) -> None:
    """A customer who looks around before anybody knows her, buys by a coupon, and answers a message; and one who looks."""
    worker.clock.now = AS_OF
    seen = {"event": "product_viewed", "properties": {"product_id": "tea"}}
    post(worker, "track", anonymousId="v1", timestamp="2025-01-10T08:00:00Z", **seen)
    post(worker, "track", userId="b", timestamp="2025-01-19T21:30:00Z", **seen)
    given = {"code": "K1", "amount": 100, "currency": "IRT", "expires_at": "2025-01-18T00:00:00Z"}
    post(
        worker, "track", userId="a", timestamp="2025-01-11T08:00:00Z", event="coupon_given", properties=given
    )
    for order, day, amount in (("o1", 12, 900), ("o2", 17, 500)):
        bought = {"order_id": order, "amount": amount, "currency": "IRT", "discount": 100 * (order == "o1")}
        at = f"2025-01-{day}T10:00:00Z"
        post(worker, "track", userId="a", timestamp=at, event="purchased", properties=bought)
    redeemed = {"code": "K1", "order_id": "o1", "discount": 100}
    at = "2025-01-12T10:00:01Z"
    post(worker, "track", userId="a", timestamp=at, event="coupon_redeemed", properties=redeemed)
    for event in ("message_sent", "message_delivered", "message_clicked"):
        about = {"channel": "sms", "topic": "win_back"}
        post(worker, "track", userId="a", timestamp="2025-01-15T19:00:00Z", event=event, properties=about)
    traits = {"consent_sms": True, "time_zone": "Asia/Tehran", "age_years": 31}
    post(worker, "identify", userId="a", anonymousId="v1", timestamp="2025-01-12T10:00:00Z", traits=traits)


def by_hand(shop: Shop) -> Shop:
    """The same customers."""
    shop.customer("a", "2025-01-10T08:00", time_zone="Asia/Tehran", consent_sms=True, age_years=31.0)
    shop.customer("b", "2025-01-19T21:30")
    shop.event("a", "product_viewed", "2025-01-10T08:00")
    shop.event("b", "product_viewed", "2025-01-19T21:30")
    shop.order("a", "2025-01-12T10:00", amount=900, discount=100, coupon_discount=100)
    shop.order("a", "2025-01-17T10:00", amount=500)
    shop.campaign("a", "K1", "2025-01-11T08:00", "2025-01-18")
    shop.redemption("a", "K1", "2025-01-12T10:00:01")
    for event in ("message_sent", "message_delivered", "message_clicked"):
        shop.event("a", event, "2025-01-15T19:00", '{"channel": "sms", "topic": "win_back"}')
    return shop


@pytest.mark.parametrize("log_url", [SQLITE], indirect=True)
def test_the_nightly_commands_serve_what_the_definitions_say_of_what_was_told(
    make_worker: Callable[..., Worker],
    log_url: str,
    tmp_path: Path,
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    tell(make_worker())

    for command in (
        ["import", "log", "--name", "shop"],
        ["features", "--dataset", "shop", "--as-of", AS_OF.isoformat()],
        ["materialize"],
    ):
        done = CliRunner().invoke(app, [*command, "--var", str(tmp_path)])
        assert done.exit_code == 0, (done.output, done.exception)

    build_snapshots(by_hand(Shop(backend)).write(tmp_path / "by hand"), [AS_OF], tmp_path / "wanted")
    schema = load_schema()
    reader = SqliteFeatureReader(database=tmp_path / "feast" / "online.db", schema=schema)
    online = {who: reader.read(who).views for who in ("a", "b")}
    reader.close()
    for view in DEFINITIONS:
        wanted = rows(tmp_path / "wanted", view)
        assert rows(tmp_path / "feast" / "snapshots", view) == wanted
        names = [feature.name for feature in schema.view(view).features if feature.type != "float_list"]
        for row in wanted.values():
            values = online[row["customer_id"]][view].values
            assert {name: values[name] for name in names} == {name: row[name] for name in names}


def told(rng: random.Random, number: int, occurred_at: datetime) -> Told:
    """A step, a purchase or a click of one of five customers."""
    name, properties = rng.choice(
        [
            ("product_viewed", {"product_id": "tea"}),
            ("purchased", {"order_id": f"o{number}", "amount": rng.randrange(1000), "currency": "IRT"}),
            ("message_clicked", {"channel": "sms", "topic": "win_back"}),
        ]
    )
    return Told(
        message_id=f"m{number}",
        customer_id=f"c{rng.randrange(5)}",
        anonymous_id=None,
        type="track",
        name=name,
        occurred_at=occurred_at,
        content={"properties": properties},
    )


def snapshot(engine: Engine, var: Path, now: datetime) -> dict[str, dict[str, Any]]:
    """Every view as of `AS_OF`, of a data set made at the moment."""
    import_log(var, LogImport(log=engine.url.render_as_string(False), name="log"), now)
    build_snapshots(var / "data" / "log", [AS_OF], var / "snapshots")
    return {
        f"{view} {key}": row for view in DEFINITIONS for key, row in rows(var / "snapshots", view).items()
    }


def test_a_later_look_at_an_earlier_moment_differs_by_what_came_late_alone(tmp_path: Path) -> None:
    rng = random.Random(7)
    engine = open_log(f"sqlite:///{tmp_path / 'log.db'}")
    times = [AS_OF + timedelta(hours=rng.uniform(-900, 100)) for _ in range(150)]
    for number, at in enumerate(times):
        record_events(engine, [told(rng, number, at)], [], received_at=at + timedelta(seconds=1))
    then = snapshot(engine, tmp_path, AS_OF + timedelta(minutes=2))

    later = snapshot(engine, tmp_path, AS_OF + timedelta(days=30))
    late = Told(
        message_id="late",
        customer_id="c1",
        anonymous_id=None,
        type="track",
        name="purchased",
        occurred_at=AS_OF - timedelta(days=3),
        content={"properties": {"order_id": "late", "amount": 77, "currency": "IRT"}},
    )
    record_events(engine, [late], [], received_at=AS_OF + timedelta(days=20))
    with_late = snapshot(engine, tmp_path, AS_OF + timedelta(days=30))
    engine.dispose()

    assert later == then
    changed = {key for key in then if with_late[key] != then[key]}
    assert {key for key in changed if not key.startswith("engagement")} == {
        key for key in then if " c1 " in key and key.split()[0] in ("rfm", "funnel")
    }
