"""Journeys for a segment: who does not belong is left alone, in whatever group, and the record says why."""

from __future__ import annotations

from collections.abc import Callable

from features.segment import CountIs, Not, Segment
from service.decision_point import DecisionPoint
from tests.service.conftest import Worker, stored_customer
from tests.service.test_ledger import with_rules

MakeWorker = Callable[..., Worker]
FREQUENT = CountIs(count="orders", within_days=28, at_least=2)
ASKED = {"journey": "churn_prevention", "decide": ["channel"]}


def worker_for(make_worker: MakeWorker, points: dict[str, DecisionPoint], **rules: object) -> Worker:
    """A worker whose churn prevention is for frequent customers; "often" is one and "rarely" is not."""
    audience = Segment(name="frequent", description="", where=FREQUENT)
    worker = make_worker(points=with_rules(points, "churn_prevention", audience=audience, **rules))
    worker.reader.customers["often"] = stored_customer("often", orders_28d=2.0)
    worker.reader.customers["rarely"] = stored_customer("rarely", orders_28d=1.0)
    return worker


def test_only_the_audience_is_acted_on(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> None:
    worker = worker_for(make_worker, points)

    often, rarely = (worker.decide(customer_id=name, **ASKED) for name in ("often", "rarely"))

    assert often["status"] == "act"
    assert (rarely["status"], rarely["channel"], rarely["propensity"]) == ("suppressed", None, {"joint": 1.0})
    assert [reason["rule"] for reason in rarely["reasons"]] == ["audience"]
    assert rarely["reasons"][0]["features"] == ["orders_28d"]


def test_who_is_outside_is_no_hold_out_of_the_journey(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = worker_for(make_worker, points, shares={"holdout": 0.999})

    often, rarely = (worker.decide(customer_id=name, **ASKED) for name in ("often", "rarely"))

    assert (often["status"], rarely["status"]) == ("holdout", "suppressed")
    assert often["group"] == rarely["group"] == "holdout"


def test_an_order_brings_a_customer_out_of_the_others(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    others = Segment(name="others", description="", where=Not.model_validate({"not": FREQUENT}))
    worker = make_worker(points=with_rules(points, "churn_prevention", audience=others))
    before = stored_customer("c1", orders_28d=1.0)
    worker.reader.customers["c1"] = before

    first = worker.decide(customer_id="c1", **ASKED, dry_run=True)
    worker.reader.customers["c1"] = stored_customer("c1", orders_28d=2.0)
    second = worker.decide(customer_id="c1", **ASKED, dry_run=True)

    assert (first["status"], second["status"]) == ("act", "suppressed")
