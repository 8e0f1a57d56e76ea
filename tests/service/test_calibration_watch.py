"""Propensities against orders, on the live log: what was said beside what came, and nothing where nothing can be said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import generate_latest

from models.artifact import Artifact
from service.calibration_watch import Calibration, CalibrationWatch, calibrations
from service.hourly import EVERY
from service.observability import LearnerMetrics
from service.store.artifact_store import move_champion, put_artifact
from tests.service.conftest import NOW, Worker

HORIZON = 7


@pytest.fixture
def shop(worker: Worker) -> Worker:
    """Whose propensity champion speaks of the next seven days."""
    scorer = Artifact({"kind": "scorer", "name": "purchase_propensity", "horizon_days": HORIZON})
    with worker.state.engine.begin() as connection:
        digest = put_artifact(worker.state.engine, connection, scorer)
        move_champion(worker.state.engine, connection, "purchase_propensity", digest, "1", NOW)
    return worker


def buy(shop: Worker, customer_id: str) -> None:
    body: dict[str, Any] = {
        "userId": customer_id,
        "event": "purchased",
        "messageId": f"{customer_id} {shop.clock():%d %H}",
        "properties": {
            "order_id": f"{customer_id} {shop.clock():%d %H}",
            "amount": 10_000,
            "currency": "IRT",
        },
    }
    response = shop.client.post("/v1/track", json=body | {"timestamp": shop.clock().isoformat()})
    assert response.json()["taken"] == 1, response.text


def test_what_was_said_stands_beside_what_came_within_the_horizon(shop: Worker) -> None:
    said = [
        shop.decide(customer_id=each)["scores"]["purchase_propensity"]  # type: ignore[index]
        for each in ("soon", "late", "never", "before")
    ]
    buy(shop, "before")  # at the moment of the decision: not after it
    shop.clock.advance(days=6)
    buy(shop, "soon")
    shop.clock.advance(days=1, hours=1)
    buy(shop, "late")

    found = calibrations(shop.state.engine, shop.clock())

    assert found == {"lucky_wheel": Calibration(4, pytest.approx(sum(said) / 4), 0.25)}


def test_a_decision_whose_horizon_runs_still_is_not_looked_at(shop: Worker) -> None:
    shop.decide(customer_id="soon")
    shop.clock.advance(days=1)
    buy(shop, "soon")

    assert calibrations(shop.state.engine, shop.clock()) == {}


def test_a_shop_that_tells_no_purchases_is_told_nothing(shop: Worker) -> None:
    shop.decide(customer_id="somebody")
    shop.clock.advance(days=HORIZON, hours=1)

    assert calibrations(shop.state.engine, shop.clock()) == {}


def test_it_is_shown_once_an_hour(shop: Worker) -> None:
    metrics = LearnerMetrics()
    watch = CalibrationWatch(
        engine=shop.state.engine,
        predicted=metrics.propensity_predicted,
        observed=metrics.propensity_observed,
        counted=metrics.propensity_decisions,
    )
    shop.decide(customer_id="soon")
    shop.clock.advance(days=1)
    buy(shop, "soon")
    due = NOW + timedelta(days=HORIZON, minutes=1)
    shown = b'gardoon_propensity_observed{journey="lucky_wheel"} 1.0'

    watch.step(due - timedelta(minutes=2))
    watch.step(due)
    early = generate_latest(metrics.registry)
    watch.step(due - timedelta(minutes=2) + EVERY)

    assert shown not in early
    assert shown in generate_latest(metrics.registry)
