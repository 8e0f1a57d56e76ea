"""Sample ratios on the live log: true shares raise no alarm, lost customers do; hold-outs are what they say they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Engine, insert

from models.sample_ratio import group_shares
from service.decision_point import DecisionPoint
from service.group import group_of
from service.group_watch import GroupWatch, sample_ratios
from service.hourly import EVERY
from service.point_limits import Shares, ShopRules
from service.store.engine import microseconds
from service.store.tables import decisions
from tests.service.conftest import NOW, Worker

CUSTOMERS = [f"customer {number}" for number in range(20_000)]
WHEEL = {"journey": "wheel"}
SHARES = {"holdout": 0.05, "random": 0.1}


def point(journey: str, holdout: float = 0.02, salt: str = "shop-1") -> DecisionPoint:
    bare = DecisionPoint(journey=journey, description="", salt=f"{journey}-1", shares=Shares(**SHARES))
    return bare.model_copy(update={"shop": ShopRules(holdout=holdout, salt=salt)})


def log(engine: Engine, journey: str, groups: dict[str, str], at: datetime = NOW) -> None:
    """A decision about each customer, in its group."""
    rows = [
        {
            "decision_id": f"{journey} {at:%d} {customer}",
            "decided_at": microseconds(at),
            "effective_at": microseconds(at),
            "customer_id": customer,
            "journey": journey,
            "status": "act",
            "group_name": group,
            "record": b"",
        }
        for customer, group in groups.items()
    ]
    with engine.begin() as connection:
        connection.execute(insert(decisions), rows)


def assigned(wheel: DecisionPoint, customers: list[str]) -> dict[str, str]:
    return {customer: group_of(customer, wheel) for customer in customers}


def test_groups_as_they_are_assigned_raise_no_alarm(engine: Engine) -> None:
    """One fixed draw of 5,000 customers; another salt would raise a false alarm once in a thousand."""
    wheel = point("wheel")
    log(engine, "wheel", assigned(wheel, CUSTOMERS[:5000]))

    ratio = sample_ratios(engine, {"wheel": wheel}, NOW - timedelta(days=1))["wheel"]

    assert sum(ratio.counts.values()) == 5000
    assert ratio.p_value is not None
    assert ratio.p_value > 0.001
    assert ratio.fault == ""


def test_a_group_that_loses_customers_raises_the_alarm_in_metric_and_endpoint(
    make_worker: Callable[..., Worker], engine: Engine
) -> None:
    wheel = point("wheel")
    groups = assigned(wheel, CUSTOMERS[:5000])
    kept = {each: group for n, (each, group) in enumerate(groups.items()) if group != "holdout" or n % 2}
    log(engine, "wheel", kept)
    registry = CollectorRegistry()
    alarm = Gauge("mismatch", "", ("journey",), registry=registry)

    GroupWatch(engine=engine, points={"wheel": wheel}, alarm=alarm).step(NOW)
    told = make_worker(points={"wheel": wheel}).client.get("/v1/groups").json()["groups"]

    assert registry.get_sample_value("mismatch", WHEEL) == 1
    (found,) = told
    assert found["mismatch"]
    assert found["customers"] == dict(Counter(kept.values()))
    assert found["shares"] == group_shares(Shares(**SHARES).model_dump(), 0.02)


def test_a_customer_counts_once_and_only_since_the_moment_asked_for(engine: Engine) -> None:
    log(engine, "wheel", {"a": "random", "b": "random"}, NOW - timedelta(days=3))
    log(engine, "wheel", {"a": "random"}, NOW)
    wheel = {"wheel": point("wheel")}

    assert sample_ratios(engine, wheel, NOW - timedelta(days=7))["wheel"].counts == {"random": 2}
    assert sample_ratios(engine, wheel, NOW - timedelta(days=1))["wheel"].counts == {"random": 1}


def test_it_looks_once_an_hour(engine: Engine) -> None:
    registry = CollectorRegistry()
    alarm = Gauge("mismatch", "", ("journey",), registry=registry)
    watch = GroupWatch(engine=engine, points={"wheel": point("wheel")}, alarm=alarm)
    watch.step(NOW)
    log(engine, "wheel", dict.fromkeys(CUSTOMERS[:200], "random"))

    watch.step(NOW + EVERY - timedelta(seconds=1))
    before = registry.get_sample_value("mismatch", WHEEL)
    watch.step(NOW + EVERY)

    assert (before, registry.get_sample_value("mismatch", WHEEL)) == (None, 1)


def test_the_hold_out_across_journeys_is_the_same_customers_everywhere_whatever_a_journey_s_salt() -> None:
    wheel, cart = point("wheel", holdout=0.1), point("cart", holdout=0.1)
    universal = {
        customer
        for customer in CUSTOMERS
        if group_of(customer, wheel.model_copy(update={"shares": Shares()})) == "holdout"
    }

    for journey in (wheel, cart):
        assert {group_of(customer, journey) for customer in universal} == {"holdout"}


def test_what_customers_have_to_be_told_is_held_from_nobody_by_the_hold_out_across_journeys() -> None:
    receipt = point("receipt", holdout=0.5).model_copy(update={"shares": Shares(), "transactional": True})

    assert {group_of(customer, receipt) for customer in CUSTOMERS[:1000]} == {"decisioning"}


@pytest.mark.parametrize("other", ["cart", "churn"])
def test_journeys_draw_independently_of_one_another_and_of_the_universal_hold_out(other: str) -> None:
    """Each of four products of shares within 4 standard errors: one of both journeys fails by chance with below 6e-4."""
    alone = {name: point(name, holdout=0.0) for name in ("wheel", other)}
    universal = point("wheel", holdout=0.1).model_copy(update={"shares": Shares()})
    first, second, shop = (
        np.array([group_of(customer, rules) for customer in CUSTOMERS])
        for rules in (alone["wheel"], alone[other], universal)
    )

    for mine, theirs, share in (
        (first == "holdout", second == "holdout", 0.05 * 0.05),
        (first == "random", second == "holdout", 0.1 * 0.05),
        (first == "holdout", shop == "holdout", 0.05 * 0.1),
        (second == "random", shop == "holdout", 0.1 * 0.1),
    ):
        error = np.sqrt(share * (1 - share) / len(CUSTOMERS))
        assert abs(np.mean(mine & theirs) - share) < 4 * error


def test_the_shares_of_groups_are_met_with_a_hold_out_across_journeys() -> None:
    """Three shares within 4 standard errors: below 2e-4."""
    wheel: Any = point("wheel", holdout=0.1)
    counts = Counter(group_of(customer, wheel) for customer in CUSTOMERS)

    for group, share in group_shares(SHARES, 0.1).items():
        error = np.sqrt(share * (1 - share) / len(CUSTOMERS))
        assert abs(counts[group] / len(CUSTOMERS) - share) < 4 * error
