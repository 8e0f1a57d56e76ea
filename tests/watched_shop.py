"""What a worker, its learner and its refresher export once all that they count has happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from models.artifact import Artifact
from models.inputs import SCORES
from service.app import build_state, create_app
from service.learner import Learner
from service.learning import learn_until
from service.point_files import load_decision_points
from service.refreshing import refresh_until
from service.settings import Settings
from service.state import State
from tests.features.conftest import Shop
from tests.running import wait_for
from tests.service.conftest import Clock, publish_champions, starting_policies
from tests.service.real_shop import fill, free_port, small_scorer, where_it_is_noon

HORIZON: Final = timedelta(days=7)
Exported = dict[str, dict[str, set[str]]]
"""By the name of a series the values that were seen of each label."""


def exported(text: str) -> Exported:
    """The series of one scrape."""
    found: Exported = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            mine = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                mine.setdefault(label, set()).add(value)
    return found


def watch(var: Path, shop: Shop) -> Exported:
    """Play a day of the shop on the folder, where it is noon now, and scrape all three processes."""
    noon = where_it_is_noon()
    for path, content in fill(shop.move_to(noon).write(var / "data" / "shop")).items():
        (var / path).parent.mkdir(exist_ok=True)
        (var / path).write_bytes(content)
    settings = Settings(
        var=var,
        time_zone=noon,
        wheel_address_limit="1/minute",
        learn_seconds=0.1,
        refresh_seconds=0.1,
        mlflow_tracking_uri=f"http://127.0.0.1:{free_port()}",
        learner_metrics_port=free_port(),
        refresher_metrics_port=free_port(),
    )
    clock = Clock(datetime.now(UTC).replace(microsecond=0) - HORIZON - timedelta(hours=1))
    states: list[State] = []

    def build(settings: Settings) -> State:
        states.append(replace(build_state(settings), clock=clock))
        return states[0]

    with TestClient(create_app(settings, build)) as client:
        play(client, states[0], clock)
        with _beside(learn_until, settings), _beside(refresh_until, settings):
            pages = [
                _scrape(settings.learner_metrics_port, "gardoon_propensity_observed{"),
                _scrape(settings.refresher_metrics_port, "gardoon_refreshed_rows_total "),
            ]
        pages.append(client.get("/metrics").text)
    return {name: labels for page in pages for name, labels in exported(page).items()}


def play(client: TestClient, state: State, clock: Clock) -> None:
    """A customer asked about before there are champions, then an order within a score's horizon, then all else, now."""
    wheel = {"customer_id": "customer 0", "journey": "lucky_wheel"}
    assert client.post("/v1/decide", json=wheel).status_code == 503
    _publish(state, clock())
    client.portal.call(state.feed.look)  # type: ignore[union-attr]
    _send(client, "/v1/decide", wheel)
    clock.advance(days=1)
    order = {"order_id": "o1", "amount": 10_000, "currency": "IRT"}
    _track(client, clock(), "purchased", order)
    clock.now = datetime.now(UTC).replace(microsecond=0)
    _track(client, clock(), "product_viewed", {"product_id": "p"})
    _track(client, clock(), "purchased", {"order_id": "o2"})
    _send(client, "/v1/decide", wheel | {"customer_id": "a stranger"})
    _send(client, "/v1/decide", wheel | {"customer_id": "customer 1", "decide": ["coupon"]})
    drawn = _send(client, "/v1/decide", wheel | {"force": {"coupon": "30000"}, "decide": ["coupon"]})
    for order_id, code in (
        ("o3", drawn["coupon"]["code"]),
        ("o4", drawn["coupon"]["code"]),
        ("o5", "7K3M-9QXT-0R5C-HWB2"),
    ):
        client.post("/v1/coupons/redeem", json={"order_id": order_id, "code": code})
    client.post("/v1/coupons/redeem", json={"order_id": "o6", "token": drawn["coupon"]["token"][:-20]})
    told = {
        "event_id": "e1",
        "decision_id": drawn["decision_id"],
        "kind": "delivered",
        "occurred_at": clock().isoformat(),
    }
    _send(client, "/v1/outcomes", {"outcomes": [told]})
    for _ in range(2):
        client.get("/wheel")


def _publish(state: State, now: datetime) -> None:
    scorers = {name: small_scorer(name, seed) for seed, name in enumerate(SCORES)}
    for name, scorer in scorers.items():
        scorers[name] = Artifact({**scorer.manifest, "horizon_days": HORIZON.days}, texts=scorer.texts)
    publish_champions(state.engine, {**scorers, **starting_policies()}, now)
    Learner(state.engine, load_decision_points(state.settings.decision_points)).step(now)


def _send(client: TestClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _track(client: TestClient, at: datetime, event: str, properties: dict[str, Any]) -> None:
    body = {"userId": "customer 0", "event": event, "messageId": f"{event} {at}", "properties": properties}
    _send(client, "/v1/track", body | {"timestamp": at.isoformat()})


@contextmanager
def _beside(run: Callable[[threading.Event, Settings], None], settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop, settings))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


def _scrape(port: int, once_it_shows: str) -> str:
    pages: list[str] = []

    def shown() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
                pages.append(response.read().decode())
        except OSError:
            return False
        return once_it_shows in pages[-1]

    wait_for(shown, seconds=60, what=once_it_shows)
    return pages[-1]
