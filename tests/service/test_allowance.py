"""`GET /v1/customers/{id}/allowance`: what is left, why, and from when on; each told moment is tried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.stored import StoredFeatures
from service.allowance import first_free
from service.decision_point import DecisionPoint
from service.guardrails.cap import blocking_cap
from service.point_limits import Cap, ShopRules
from service.standing import CountedMessage
from tests.service.conftest import NOW, Worker, stored_customer

MakeWorker = Callable[..., Worker]
TEHRAN = ZoneInfo("Asia/Tehran")
CAPS = {
    "churn_prevention": [{"name": "one_a_week", "at_most": 1, "within": 144}],
    "lucky_wheel": [{"name": "one_sms_a_day", "at_most": 1, "within": "day", "channel": "sms"}],
}


@pytest.fixture
def capped(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Worker:
    """A worker with caps of journeys and shop, a draw a day and a budget."""
    shop = ShopRules.model_validate(
        {"minimum_gap_hours": 2, "caps": [{"name": "two_a_day", "at_most": 2, "within": 24}]}
    )
    ruled = {}
    for name, point in points.items():
        fields = {**point.model_dump(), "caps": CAPS.get(name, []), "shop": shop}
        if name == "lucky_wheel":
            fields["coupon"] |= {"once_per": "day", "daily_budget": 100_000}
        ruled[name] = DecisionPoint.model_validate(fields)
    worker = make_worker(points=ruled)
    worker.reader.customers["c1"] = stored_customer("c1", sms_blacklisted=True)
    return worker


def allowance(worker: Worker, customer_id: str = "c1") -> dict[str, Any]:
    response = worker.client.get(f"/v1/customers/{customer_id}/allowance")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def journey(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["journeys"] if each["journey"] == name)


def test_before_anything_was_sent_every_place_is_left_and_free_at_once(capped: Worker) -> None:
    found = allowance(capped)

    assert found["messages"] == []
    assert [(cap["rule"], cap["used"], cap["left"], cap["frees_at"]) for cap in found["caps"]] == [
        ("cap:two_a_day", 0, 2, None)
    ]
    wheel = journey(found, "lucky_wheel")
    assert wheel["draw"] == {"period": "2026-11-22", "left": 1, "decision_id": None, "frees_at": None}
    assert wheel["budget"]["left"] == 100_000
    assert set(wheel["free_from"].values()) == {found["at"]}


def test_a_scheduled_message_counts_and_the_answer_says_where_and_until_when(capped: Worker) -> None:
    sent = capped.decide(customer_id="c1", journey="churn_prevention", decide=["channel", "send_time"])

    found = allowance(capped)

    (place,) = found["messages"]
    assert (place["journey"], place["channel"], place["due_at"]) == (
        "churn_prevention",
        sent["channel"],
        sent["send_at"],
    )
    churn, wheel = (journey(found, name) for name in ("churn_prevention", "lucky_wheel"))
    due_at = datetime.fromisoformat(str(sent["send_at"]))
    (cap,) = churn["caps"]
    assert (cap["used"], cap["left"]) == (1, 0)
    assert datetime.fromisoformat(cap["frees_at"]) == due_at + timedelta(hours=144)
    assert {datetime.fromisoformat(at) for at in churn["free_from"].values()} == {
        due_at + timedelta(hours=144)
    }
    assert found["caps"][0]["left"] == 1
    assert wheel["caps"][0]["left"] == 1


def test_a_draw_and_its_coupon_show_until_the_customer_s_midnight(capped: Worker) -> None:
    drawn = capped.decide(customer_id="c1", decide=["coupon"], force={"coupon": "30000"})

    wheel = journey(allowance(capped), "lucky_wheel")

    assert wheel["draw"] == {
        "period": "2026-11-22",
        "left": 0,
        "decision_id": drawn["decision_id"],
        "frees_at": "2026-11-22T20:30:00Z",
    }
    assert (wheel["budget"]["used"], wheel["budget"]["left"]) == (30_000, 70_000)


def test_it_says_which_fact_closes_a_channel(capped: Worker) -> None:
    channels = allowance(capped)["channels"]

    assert channels["sms"] == {"open": False, "closed_by": "sms_blacklist"}
    assert channels["email"] == {"open": True, "closed_by": None}


def test_without_features_caps_are_still_told_in_the_shop_s_zone(capped: Worker) -> None:
    capped.reader.customers["c1"] = StoredFeatures("c1", {})

    found = allowance(capped)

    assert found["channels"] is None
    assert found["time_zone"] == "Asia/Tehran"
    assert found["caps"][0]["left"] == 2
    assert "profile:missing" in found["degraded"]


MESSAGES = st.lists(
    st.builds(
        CountedMessage,
        due_at=st.integers(-2000, 1440).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        channel=st.sampled_from(["sms", "email"]),
        journey=st.just("wheel"),
        tags=st.just(()),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(MESSAGES, st.sampled_from(["sms", "email"]), st.integers(1, 3), st.sampled_from([3.0, 24.0, "day"]))
def test_the_moment_told_is_the_first_at_which_nothing_blocks(
    messages: list[CountedMessage], channel: str, at_most: int, within: float | str
) -> None:
    point = DecisionPoint(
        journey="wheel",
        description="",
        salt="",
        minimum_gap_hours=1,
        caps=(
            Cap(name="any", at_most=at_most, within=within),
            Cap(name="sms", at_most=1, within=6, channel="sms"),
        ),
    )
    blocked = blocking_cap(point, messages, TEHRAN)

    told = first_free(blocked, channel, NOW)

    minutes = (NOW + timedelta(minutes=minute) for minute in range(5 * 1440))
    assert told == next(at for at in minutes if blocked(channel, at) is None)
