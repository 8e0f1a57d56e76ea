"""Standings and claims: nobody gets past a cap or a budget, however many decide at once; what is given up is free again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from service.decision_point import DecisionPoint
from service.store.coupon_log import release_lapsed_coupons
from service.store.tables import budgets, coupons, decisions, messages, outcomes, rewards
from tests.service.conftest import Worker, stored_customer
from tests.service.test_outcomes import outcome, send

MakeWorker = Callable[..., Worker]


def with_rules(points: dict[str, DecisionPoint], journey: str, **rules: object) -> dict[str, DecisionPoint]:
    """The points with one journey's rules changed."""
    changed = {**points[journey].model_dump(), **rules}
    return {**points, journey: DecisionPoint.model_validate(changed)}


def with_coupon(points: dict[str, DecisionPoint], journey: str, **rules: object) -> dict[str, DecisionPoint]:
    coupon = points[journey].coupon
    assert coupon is not None
    return with_rules(points, journey, coupon={**coupon.model_dump(), **rules})


def at_once(worker: Worker, requests: list[dict[str, object]]) -> list[dict[str, object]]:
    """The answers to requests that arrive together."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: worker.decide(**request), requests))


ONE_A_WEEK = [{"name": "weekly", "at_most": 1, "within": 168}]
MESSAGE = {"journey": "churn_prevention", "decide": ["channel"]}


@pytest.fixture
def capped(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Worker:
    """A worker whose churn messages are capped at one a week."""
    worker = make_worker(points=with_rules(points, "churn_prevention", caps=ONE_A_WEEK))
    worker.reader.customers["c1"] = stored_customer("c1")
    return worker


def test_of_decisions_made_at_once_one_takes_the_last_place(capped: Worker) -> None:
    answers = at_once(capped, [{"customer_id": "c1", **MESSAGE}] * 8)

    assert Counter(answer["status"] for answer in answers) == {"act": 1, "suppressed": 7}
    with capped.state.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(messages)) == 1
        assert connection.scalar(select(func.count()).select_from(decisions)) == 8


def test_many_decisions_about_one_customer_at_once_wait_for_each_other(worker: Worker) -> None:
    asked = {"customer_id": "c1", "journey": "churn_prevention", "decide": ["channel"]}

    answered = worker.client.post("/v1/decide/batch", json=[asked] * 40)

    assert [line["status"] for line in map(json.loads, answered.text.splitlines())] == [200] * 40


def test_a_suppression_says_which_cap_what_it_counts_and_when_it_frees_up(capped: Worker) -> None:
    first = capped.decide(customer_id="c1", **MESSAGE)
    capped.clock.advance(hours=5)

    answer = capped.decide(customer_id="c1", **MESSAGE)

    assert answer["status"] == "suppressed"
    reason = next(r for r in answer["reasons"] if r["rule"] == "cap:weekly")
    assert (reason["limit"], reason["current"]) == (1, 1)
    assert reason["frees_at"][:16] == first["decided_at"].replace("-22T", "-29T")[:16]


def test_an_undelivered_message_gives_its_place_back_and_a_delivered_one_keeps_it(capped: Worker) -> None:
    first = capped.decide(customer_id="c1", **MESSAGE)
    send(capped, outcome(first["decision_id"], "lost", "undelivered"))

    second = capped.decide(customer_id="c1", **MESSAGE)
    send(capped, outcome(second["decision_id"], "came", "delivered"))
    capped.clock.advance(hours=100)

    assert second["status"] == "act"
    assert capped.decide(customer_id="c1", **MESSAGE)["status"] == "suppressed"


def test_a_message_of_which_nothing_is_heard_gives_its_place_back_after_a_day(capped: Worker) -> None:
    capped.decide(customer_id="c1", **MESSAGE)
    capped.clock.advance(hours=25)

    assert capped.decide(customer_id="c1", **MESSAGE)["status"] == "act"


def test_a_dry_run_takes_no_place(capped: Worker) -> None:
    capped.decide(customer_id="c1", dry_run=True, **MESSAGE)

    assert capped.decide(customer_id="c1", **MESSAGE)["status"] == "act"


def test_no_race_gets_past_the_days_budget(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> None:
    worker = make_worker(points=with_coupon(points, "churn_prevention", daily_budget=100_000))
    customers = [f"c{number}" for number in range(24)]
    for customer in customers:
        worker.reader.customers[customer] = stored_customer(customer)
    asked = {"journey": "churn_prevention", "decide": ["coupon"], "eligible": {"coupon": ["none", "30000"]}}

    answers = at_once(worker, [{"customer_id": customer, **asked} for customer in customers])

    given = [answer["coupon"]["amount"] for answer in answers if answer["coupon"]]
    with worker.state.engine.connect() as connection:
        used = connection.scalar(select(budgets.c.used))
        noted = connection.scalar(select(func.sum(coupons.c.amount)))
    assert sum(given) == used == noted == 90_000


def test_a_customer_draws_once_a_period_whatever_is_asked_again(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    worker.reader.customers["c1"] = stored_customer("c1")
    asked = {"customer_id": "c1", "journey": "lucky_wheel", "decide": ["coupon"]}

    answers = at_once(worker, [asked] * 8)
    worker.clock.advance(hours=2)
    later = worker.decide(**asked)
    worker.clock.advance(hours=12)
    tomorrow = worker.decide(**asked)

    drawn = {(a["status"], str(a["coupon"])) for a in [*answers, later]}
    assert len(drawn) == 1
    assert sum(bool(a["propensity"].get("coupon")) for a in [*answers, later]) == 1
    assert later["reasons"][-1]["rule"] == "drawn_already"
    assert tomorrow["propensity"].get("coupon")


def test_a_cap_of_none_holds_the_first_message_too(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    caps = [{"name": "no_sms", "at_most": 0, "within": "day", "channel": "sms"}]
    worker = make_worker(points=with_rules(points, "churn_prevention", caps=caps))
    worker.reader.customers["c1"] = stored_customer("c1")

    only_sms = worker.decide(customer_id="c1", **MESSAGE, eligible={"channel": ["sms"]})
    any_channel = worker.decide(customer_id="c1", **MESSAGE)

    assert only_sms["status"] == "suppressed"
    assert "cap:no_sms" in [reason["rule"] for reason in only_sms["reasons"]]
    assert any_channel["channel"] != "sms"


def test_time_that_ran_out_makes_it_the_baseline_within_the_constraints(worker: Worker) -> None:
    asked = {"customer_id": "c1", "timeout_ms": 0, "journey": "churn_prevention", "decide": ["channel"]}
    worker.reader.customers["c2"] = stored_customer("c2", consent_sms=False)

    done = worker.decide(**asked, baseline={"channel": "sms"})
    nothing = worker.decide(**asked)
    not_allowed = worker.decide(**{**asked, "customer_id": "c2"}, baseline={"channel": "sms"})

    assert (done["status"], done["channel"], done["propensity"]["channel"]) == ("fallback", "sms", 1.0)
    assert nothing["status"] == not_allowed["status"] == "suppressed"


def test_what_was_done_for_lack_of_time_is_nothing_to_learn_or_judge_by(worker: Worker) -> None:
    late = worker.decide(
        customer_id="c1", decide=["coupon"], timeout_ms=0, baseline={"coupon": "none"}, journey="lucky_wheel"
    )
    worker.clock.advance(hours=60)
    worker.learn()

    logged = worker.client.get(f"/v1/decisions/{late['decision_id']}").json()
    assert (late["status"], late["propensity"]["coupon"], logged["rounds"]) == ("hold", 1.0, [])
    with worker.state.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(rewards)) == 0


def test_business_as_usual_does_what_is_usual_where_it_may(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    channel = points["churn_prevention"].channel
    assert channel is not None
    usual = with_rules(
        points,
        "churn_prevention",
        shares={"business_as_usual": 0.999},
        channel={**channel.model_dump(), "usual": ["sms", "email"]},
        send_time=None,
        coupon=None,
    )
    worker = make_worker(points=usual)
    worker.reader.customers["c1"] = stored_customer("c1")
    worker.reader.customers["c2"] = stored_customer("c2", consent_sms=False)

    answers = [worker.decide(customer_id=c, journey="churn_prevention") for c in ("c1", "c2")]

    assert [(a["group"], a["channel"]) for a in answers] == [
        ("business_as_usual", "sms"),
        ("business_as_usual", "email"),
    ]


def test_a_customer_whose_zone_is_not_known_for_a_while_draws_no_second_time(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    asked = {"customer_id": "c1", "journey": "lucky_wheel", "decide": ["coupon"]}
    worker.reader.customers["c1"] = stored_customer("c1", time_zone="America/New_York")
    worker.clock.advance(hours=12.5)  # 17:00 in New York, past midnight in Tehran

    first = worker.decide(**asked)
    worker.reader.customers.clear()
    away = worker.decide(**asked)

    assert first["propensity"].get("coupon")
    assert away["coupon"] == first["coupon"]
    assert away["reasons"][-1]["rule"] == "drawn_already"
    assert away["reasons"][-1]["frees_at"] == "2026-11-23T05:00:00Z"  # midnight in New York
    standing = worker.client.get("/v1/customers/c1/allowance").json()
    (wheel,) = [journey for journey in standing["journeys"] if journey["journey"] == "lucky_wheel"]
    assert wheel["draw"]["frees_at"] == "2026-11-23T05:00:00Z"


def test_at_night_nothing_goes_out_at_once_whatever_part_of_the_decision_is_asked_for(worker: Worker) -> None:
    worker.clock.advance(hours=14)  # 03:00 in Tehran
    worker.reader.customers["c1"] = stored_customer("c1", worker.clock())

    answer = worker.decide(customer_id="c1", journey="churn_prevention", decide=["channel"])

    assert answer["status"] == "suppressed"
    reason = next(r for r in answer["reasons"] if r["rule"] == "quiet_hours")
    assert reason["frees_at"] == "2026-11-23T04:30:00Z"


def test_a_redemption_told_twice_counts_once_and_one_told_late_is_spent(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "churn_prevention", daily_budget=30_000, valid=48))
    worker.reader.customers["c1"] = stored_customer("c1")
    asked = {"journey": "churn_prevention", "decide": ["coupon"], "eligible": {"coupon": ["30000"]}}
    given = worker.decide(customer_id="c1", **asked)
    used = {"value": 30_000, "currency": "IRT", "occurred_at": worker.clock().isoformat()}
    worker.clock.advance(hours=50)
    release_lapsed_coupons(worker.state.engine, worker.clock())

    told = [send(worker, outcome(given["decision_id"], name, "redeemed", **used)) for name in ("a", "b")]

    with worker.state.engine.connect() as connection:
        assert connection.scalar(select(budgets.c.used)) == 30_000
        assert connection.scalar(select(coupons.c.state)) == "redeemed"
        assert connection.scalar(select(func.count()).select_from(outcomes)) == 1
    assert [statuses[0] for statuses in told] == [202, 200]
