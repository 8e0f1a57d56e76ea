"""A draw that waits to be activated, asked for again: an answer that counts at once puts it into effect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from service.decision_point import DecisionPoint
from service.standing import ActivationClaim, Claims
from service.store.coupon_log import release_lapsed_coupons
from service.store.decision_log import read_record
from service.store.engine import moment
from service.store.ledger import take_claims
from service.store.tables import activations, budgets, coupons, draws, messages
from tests.service.conftest import Worker, stored_customer
from tests.service.test_activation import activate
from tests.service.test_entitlement_walk import dying_before_commit
from tests.service.test_learner import rewards_of
from tests.service.test_ledger import at_once, with_coupon, with_rules
from tests.service.test_redemption import redeem
from tests.service.test_verify import run_verify

MakeWorker = Callable[..., Worker]
ASKED = {"customer_id": "c1", "journey": "lucky_wheel", "decide": ["coupon"]}
SIZE, NONE = {"eligible": {"coupon": ["30000"]}}, {"eligible": {"coupon": ["none"]}}
DEFERRED = {"activate": "deferred"}


@pytest.fixture
def wheel(make_worker: MakeWorker, points: dict[str, DecisionPoint]) -> Worker:
    """A wheel with one draw a day out of a budget for two coupons."""
    rules = with_coupon(points, "lucky_wheel", once_per="day", daily_budget=60_000)
    worker = make_worker(points=rules)
    worker.reader.customers["c1"] = stored_customer("c1")
    return worker


def in_effect(worker: Worker) -> list[str]:
    """The decisions that were activated."""
    with worker.state.engine.connect() as connection:
        return list(connection.scalars(select(activations.c.decision_id)))


def draw(worker: Worker, **asked: object) -> dict[str, Any]:
    worker.clock.advance(seconds=1)
    answer: dict[str, Any] = worker.decide(**{**ASKED, **SIZE, **asked})
    return answer


def test_an_answer_for_good_puts_the_draw_that_it_shows_into_effect(wheel: Worker) -> None:
    waiting, shown = draw(wheel, **DEFERRED), draw(wheel)
    at = wheel.clock()
    wheel.clock.advance(hours=2)
    wheel.keep_up()

    later = draw(wheel)
    again, told = activate(wheel, waiting["decision_id"])
    redeemed = redeem(wheel, code=shown["coupon"]["code"])

    assert shown["coupon"] == later["coupon"] == waiting["coupon"]
    assert (shown["repeats"], shown["activate_by"]) == (waiting["decision_id"], None)
    assert in_effect(wheel) == [waiting["decision_id"]]
    assert (again, moment_of(told["activated_at"])) == (200, at)
    assert redeemed.status_code == 200
    assert run_verify(wheel).differing == []


def moment_of(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def test_what_it_put_into_effect_is_learnt(wheel: Worker) -> None:
    draw(wheel, **DEFERRED)
    draw(wheel)
    wheel.clock.advance(days=2)

    wheel.learn()

    assert rewards_of(wheel.state.engine) == {"coupon": ("resolved", 0.0)}


def test_a_deferred_answer_says_what_is_to_be_activated_until_when_and_activates_nothing(
    wheel: Worker,
) -> None:
    first = draw(wheel, **DEFERRED)
    by = wheel.clock().replace(hour=10)
    again = draw(wheel, **DEFERRED)
    dry = draw(wheel, dry_run=True)

    assert (first["repeats"], moment_of(first["activate_by"])) == (None, by)
    assert (again["repeats"], moment_of(again["activate_by"])) == (first["decision_id"], by)
    assert (dry["coupon"], dry["activate_by"]) == (first["coupon"], None)
    assert in_effect(wheel) == []
    assert activate(wheel, again["decision_id"])[0] == 200
    assert draw(wheel, **DEFERRED)["activate_by"] is None
    assert in_effect(wheel) == [first["decision_id"]]


def test_taps_at_once_put_it_into_effect_once(wheel: Worker) -> None:
    waiting = draw(wheel, **DEFERRED)

    taps = at_once(wheel, [{**ASKED, **SIZE}] * 8)

    assert [tap["coupon"] for tap in taps] == [waiting["coupon"]] * 8
    assert in_effect(wheel) == [waiting["decision_id"]]
    records = [read_record(wheel.state.engine, str(tap["decision_id"])) for tap in taps]
    assert sum(record.claims is not None for record in records) == 1
    assert run_verify(wheel).differing == []


def test_workers_who_answer_at_once_and_a_call_to_activate_agree_on_one_effect(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    """The second worker's clock is half a second ahead, so that their decisions have ids of their own."""
    rules = with_coupon(points, "lucky_wheel", once_per="day", daily_budget=60_000)
    workers = [make_worker(points=rules) for _ in range(2)]
    workers[1].clock.advance(seconds=0.5)
    for worker in workers:
        worker.reader.customers["c1"] = stored_customer("c1")
    waiting = workers[0].decide(**ASKED, **SIZE, **DEFERRED)

    with ThreadPoolExecutor(9) as pool:
        taps = [pool.submit(worker.decide, **ASKED, **SIZE) for worker in workers * 4]
        told = pool.submit(activate, workers[0], waiting["decision_id"])

    assert [tap.result()["coupon"] for tap in taps] == [waiting["coupon"]] * 8
    assert told.result()[0] == 200
    assert in_effect(workers[0]) == [waiting["decision_id"]]
    assert run_verify(workers[0]).differing == []


def test_an_effect_whose_coupon_was_released_between_reading_and_committing_is_decided_again(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    worker.reader.customers["c1"] = stored_customer("c1")
    waiting = draw(worker, decide=["channel", "coupon"], **DEFERRED)
    engine, identity = worker.state.engine, str(waiting["decision_id"])
    claim = ActivationClaim(
        decision_id=identity, activated_at=worker.clock(), confirm_within_hours=24, coupon=True, draw=True
    )
    claims = Claims(customer_id="c1", journey="lucky_wheel", standing_version=1, activation=claim)
    release_lapsed_coupons(engine, worker.clock().replace(hour=12))

    with engine.begin() as connection:
        before = connection.execute(select(messages)).all()
        taken = take_claims(engine, connection, {"another": claims})
        after = connection.execute(select(messages)).all()

    assert taken == set()
    assert before == after
    assert in_effect(worker) == []


def test_what_dies_before_its_commit_puts_nothing_into_effect(wheel: Worker) -> None:
    waiting = draw(wheel, **DEFERRED)
    with dying_before_commit(wheel.state.engine):
        lost = wheel.client.post("/v1/decide", json={**ASKED, **SIZE})
    before = in_effect(wheel)

    answered = draw(wheel)

    assert (lost.status_code, before) == (503, [])
    assert answered["coupon"] == waiting["coupon"]
    assert in_effect(wheel) == [waiting["decision_id"]]


@pytest.mark.parametrize("also_freed", [False, True])
def test_a_draw_that_a_clock_ahead_of_ours_let_go_is_made_anew(wheel: Worker, also_freed: bool) -> None:
    """Between the release of its coupon and the end of the draw the budget has taken it back, so it must not be shown."""
    waiting = draw(wheel, **DEFERRED)
    ahead = wheel.clock().replace(hour=10, minute=31)
    release_lapsed_coupons(wheel.state.engine, ahead)
    if also_freed:
        wheel.clock.now, was = ahead, wheel.clock.now
        wheel.keep_up()
        wheel.clock.now = was

    anew = draw(wheel)

    assert anew["repeats"] is None
    assert anew["coupon"]["code"] != waiting["coupon"]["code"]
    assert in_effect(wheel) == []
    assert activate(wheel, waiting["decision_id"])[0] == 410
    with wheel.state.engine.connect() as connection:
        assert connection.scalar(select(budgets.c.used)) == 30_000
        assert connection.scalar(select(draws.c.decision_id)) == anew["decision_id"]
    assert redeem(wheel, code=anew["coupon"]["code"]).status_code == 200


def test_the_message_that_was_decided_with_it_keeps_its_place(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    caps = [{"name": "one", "at_most": 1, "within": 24}]
    worker = make_worker(
        points=with_rules(with_coupon(points, "lucky_wheel", once_per="day"), "lucky_wheel", caps=caps)
    )
    worker.reader.customers["c1"] = stored_customer("c1")
    waiting = draw(worker, decide=["channel", "coupon"], **DEFERRED)

    draw(worker)

    with worker.state.engine.connect() as connection:
        (held,) = connection.execute(select(messages)).all()
    assert held.decision_id == waiting["decision_id"]
    assert moment(held.lapses_at) == moment(held.due_at).replace(day=23)


def test_a_draw_of_nothing_stays_nothing_once_it_was_shown_for_good(wheel: Worker) -> None:
    draw(wheel, **DEFERRED, **NONE)
    shown = draw(wheel)
    wheel.clock.advance(hours=2)
    wheel.keep_up()

    later = draw(wheel)

    assert (shown["status"], later["status"]) == ("hold", "hold")
    assert "coupon" not in later["propensity"]


def test_a_coupon_that_died_while_it_waited_takes_no_effect(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    rules = with_rules(
        with_coupon(points, "lucky_wheel", once_per="day", valid=1),
        "lucky_wheel",
        activate_within_minutes=180,
    )
    worker = make_worker(points=rules)
    worker.reader.customers["c1"] = stored_customer("c1")
    first = draw(worker, **DEFERRED)
    worker.clock.advance(minutes=61)

    late = draw(worker)

    assert first["activate_by"] == first["coupon"]["expires_at"]
    assert (late["status"], late["coupon"]) == ("hold", None)
    assert in_effect(worker) == []


def test_a_request_whose_deadline_has_passed_puts_nothing_into_effect(wheel: Worker) -> None:
    draw(wheel, **DEFERRED)

    late = draw(wheel, deadline_at="2026-11-22T09:00:00Z")

    assert (late["status"], late["repeats"], late["activate_by"]) == ("suppressed", None, None)
    assert in_effect(wheel) == []
    with wheel.state.engine.connect() as connection:
        assert connection.scalar(select(coupons.c.state)) == "deferred"
