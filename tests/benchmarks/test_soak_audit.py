"""The soak's audit finds nothing in a log that is right, and finds each thing that is altered in it by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, insert, text, update

from benchmarks.soak.audit import broken_promises, seen
from benchmarks.soak.books import Books, read_books
from benchmarks.soak.erasure_audit import left_of_erased
from benchmarks.soak.expected_reward import Earned, earned_rounds
from benchmarks.soak.learning_audit import learning_targets
from benchmarks.soak.rules import Rules
from benchmarks.soak.told import Told
from models.artifact import Artifact
from models.catalogue import load_policy
from models.context import Standardizer
from models.coupon import CouponThompson
from models.coupon_by_journey import CouponByJourney
from models.policy import Policy
from service.decision_point import DecisionPoint
from service.store.engine import microseconds
from service.store.erasure import forget_customer
from service.store.fold_store import get_folds, put_folds
from service.store.tables import coupons, decisions, outcomes, rewards
from tests.service.conftest import Worker, publish_champions, starting_policies, stored_customer

CUSTOMERS = [str(2001 + n) for n in range(6)]
JOURNEY = "lucky_wheel"
BUDGET = 10_000_000
NAMES = ("channel_policy", "send_time_policy", "coupon_policy")


@dataclass
class Audited:
    """A worker whose every window is closed, what its callers were told, and the rules."""

    worker: Worker
    told: Told
    rules: Rules

    def earned(self, books: Books) -> list[Earned]:
        return list(earned_rounds(books, self.rules, self.worker.clock()))

    def short(self) -> set[str]:
        """The names of the learning audit's lines that are short."""
        with self.worker.state.engine.connect() as connection:
            books = read_books(connection)
            targets = learning_targets(connection, books, self.earned(books))
        return {target.name for target in targets if not target.is_reached}

    def broken(self, **rules: Any) -> dict[str, int]:
        """The promises that were broken, with how often; by other rules where some are given."""
        held = Rules(**{**vars(self.rules), **rules})
        with self.worker.state.engine.connect() as connection:
            books = read_books(connection)
            found = broken_promises(books, self.told, held)
            found |= left_of_erased(connection, books, self.told)
        return {name: n for name, n in found.items() if n}


@pytest.fixture
def audited(make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]) -> Audited:
    points = {JOURNEY: with_budget(points[JOURNEY])}
    return lived(make_worker(points=points), points)


def lived(worker: Worker, points: dict[str, DecisionPoint]) -> Audited:
    """The worker after the customers' days."""
    told = Told()
    for place, customer in enumerate(CUSTOMERS):
        worker.reader.customers[customer] = stored_customer(customer, recency_days=3.0 + place)
        ask(worker, told, customer)
        ask(worker, told, customer, activate="deferred")
    worker.clock.advance(hours=18)
    for place, customer in enumerate(CUSTOMERS):
        live(worker, told, first_answer(told, customer), place)
    worker.learn()
    worker.clock.advance(hours=48)
    worker.learn()
    some = first_answer(told, CUSTOMERS[0])
    tell(worker, told, some, "refunded", value=100_000.0)
    worker.learn()
    journeys = {name: point.model_dump(mode="json", exclude_none=True) for name, point in points.items()}
    return Audited(worker, told, Rules(journeys, {}))


def with_budget(point: DecisionPoint) -> DecisionPoint:
    """The point with a day's budget that holds any coupon."""
    coupon = {**point.model_dump()["coupon"], "daily_budget": BUDGET}
    return DecisionPoint.model_validate({**point.model_dump(), "coupon": coupon})


def ask(worker: Worker, told: Told, customer: str, **more: object) -> None:
    key = f"{customer}.{len(told.customers[customer].keys)}"
    body = {"customer_id": customer, "journey": JOURNEY, **more}
    response = worker.client.post("/v1/decide", json=body, headers={"Idempotency-Key": key})
    identity = response.json()["decision_id"]
    told.customers[customer].answers[identity] = response.content
    told.customers[customer].keys[key] = identity


def first_answer(told: Told, customer: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(next(iter(told.customers[customer].answers.values())))
    return answer


def live(worker: Worker, told: Told, answer: dict[str, Any], place: int) -> None:
    """Every second message is clicked, every third brings an order; every fifth was not delivered."""
    if place % 5 == 4:
        tell(worker, told, answer, "undelivered")
        return
    tell(worker, told, answer, "delivered")
    if place % 2 == 0:
        tell(worker, told, answer, "clicked")
    if place % 3 == 0:
        tell(worker, told, answer, "purchased", value=400_000.0)


def tell(
    worker: Worker, told: Told, answer: dict[str, Any], kind: str, *, value: float | None = None
) -> None:
    customer, identity = answer["customer_id"], answer["decision_id"]
    money = {} if value is None else {"value": value, "currency": "IRT"}
    at = datetime.fromisoformat(answer["send_at"] or answer["decided_at"]) + timedelta(minutes=5)
    event = f"{customer}.{identity}-{kind}"
    item = {"event_id": event, "decision_id": identity, "kind": kind, "occurred_at": at.isoformat(), **money}
    response = worker.client.post("/v1/outcomes", json={"outcomes": [item]})
    assert response.json()["accepted"] == 1, response.text
    told.customers[customer].events.add(event)
    if kind == "undelivered":
        told.undelivered.add(identity)


def test_a_log_that_is_right_passes(audited: Audited) -> None:
    assert audited.short() == set()
    assert audited.broken() == {}


def test_there_is_something_to_learn_of_every_kind(audited: Audited) -> None:
    with audited.worker.state.engine.connect() as connection:
        earned = audited.earned(read_books(connection))

    by_choice = {
        name: {e.reward for e in earned if e.name == name} for name in ("channel", "send_time", "coupon")
    }

    assert all(len(found) >= 2 for found in by_choice.values()), by_choice
    assert not any(each.decision.is_deferred for each in earned)


def teach(audited: Audited, name: str, change: Callable[[Policy, Earned], None]) -> None:
    """Alter what a policy has learnt, in the fold alone."""
    with audited.worker.state.engine.begin() as connection:
        earned = next(e for e in audited.earned(read_books(connection)) if f"{e.name}_policy" == name)
        policy = load_policy(get_folds(connection, (name,))[name])
        change(policy, earned)
        put_folds(audited.worker.state.engine, connection, {name: policy.to_artifact()})


def arrays(earned: Earned, reward: float) -> tuple[Any, Any, Any]:
    context = [np.nan if x is None else x for x in earned.round["context"]]
    return np.array([context]), np.array([earned.round["action"]]), np.array([reward])


def test_a_round_learnt_twice_or_not_at_all_is_found(audited: Audited) -> None:
    for name in NAMES:
        line = f"{name}: rounds learnt too often or too seldom"

        teach(audited, name, lambda policy, one: policy.learn_many(*arrays(one, one.reward)))
        twice = audited.short()
        for _ in range(2):
            teach(audited, name, lambda policy, one: policy.unlearn_many(*arrays(one, one.reward)))
        never = audited.short()

        assert line in twice
        assert line in never


def test_a_reward_learnt_a_thousandth_too_high_is_found(audited: Audited) -> None:
    def alter(policy: Policy, one: Earned) -> None:
        policy.unlearn_many(*arrays(one, one.reward))
        policy.learn_many(*arrays(one, one.reward + 0.001))

    for name in NAMES:
        before = audited.short()
        teach(audited, name, alter)

        assert audited.short() - before >= {
            f"{name}: sum of rewards learnt, off by",
            f"{name}: any sum learnt, off by of what rounding explains",
        }


def test_coupons_that_are_learnt_journey_by_journey_are_audited_too(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    points = {JOURNEY: with_budget(points[JOURNEY])}
    worker = make_worker(points=points)
    publish_champions(
        worker.state.engine, {**starting_policies(), "coupon_policy": by_journey()}, worker.clock()
    )
    worker.learn()
    audited = lived(worker, points)

    def alter(policy: Policy, one: Earned) -> None:
        policy.learn_many(*arrays(one, one.reward))

    assert audited.short() == set()
    teach(audited, "coupon_policy", alter)
    assert "coupon_policy: rounds learnt too often or too seldom" in audited.short()


def by_journey() -> Artifact:
    """A policy of coupons that has learnt nothing."""
    actions = load_policy(starting_policies()["coupon_policy"]).action_names
    start = CouponThompson(
        action_names=actions,
        input_names=("churn_risk",),
        effect_inputs=(),
        standardizer=Standardizer(np.zeros(1), np.ones(1)),
    )
    return CouponByJourney(start=start).to_artifact()


def test_a_round_learnt_with_another_action_is_found(audited: Audited) -> None:
    def alter(policy: Policy, one: Earned) -> None:
        contexts, actions, reward = arrays(one, one.reward)
        policy.unlearn_many(contexts, actions, reward)
        policy.learn_many(contexts, (actions + 1) % len(policy.action_names), reward)

    teach(audited, "coupon_policy", alter)

    assert "coupon_policy: any sum learnt, off by of what rounding explains" in audited.short()


def test_an_outcome_that_was_marked_and_not_learnt_is_found(audited: Audited) -> None:
    with audited.worker.state.engine.begin() as connection:
        sold = connection.execute(text("SELECT * FROM outcomes WHERE kind = 'purchased'")).mappings().first()
        assert sold is not None
        connection.execute(insert(outcomes).values({**sold, "event_id": "one more", "value": 1000.0}))

    short = audited.short()

    assert "rewards noted otherwise than outcomes say" in short
    assert "coupon_policy: sum of rewards learnt, off by" in short


def test_a_refund_that_was_not_taken_back_is_found(audited: Audited) -> None:
    with audited.worker.state.engine.begin() as connection:
        connection.execute(delete(outcomes).where(outcomes.c.kind == "refunded"))

    assert "coupon_policy: sum of rewards learnt, off by" in audited.short()


def test_a_zero_for_what_was_never_activated_is_found(audited: Audited) -> None:
    with audited.worker.state.engine.begin() as connection:
        voided = update(rewards).where(rewards.c.state == "void")
        connection.execute(voided.values(state="resolved", reward=0.0))

    assert {"rewards of what was never activated", "rewards noted otherwise than outcomes say"} <= (
        audited.short()
    )


def test_each_broken_promise_to_a_caller_is_counted(audited: Audited) -> None:
    mine = audited.told.customers[CUSTOMERS[0]]
    first, second = mine.answers
    mine.answers[first] += b" "
    mine.keys["never-kept"] = first
    mine.events.add("never-kept")
    mine.redeemed["AAAA-AAAA-AAAA-AAAA"] = "order-1"
    audited.told.activated.add(second)
    audited.told.customers[CUSTOMERS[1]].answers.popitem()

    assert audited.broken() == {
        "answers that are not in the log as given": 1,
        "decisions in the log that nobody was answered": 1,
        "idempotency keys that stand for another decision, or none": 1,
        "codes redeemed otherwise than told": 1,
        "activations told and not kept": 1,
        "accepted outcomes missing or not taken in": 1,
    }


def test_a_code_that_was_shown_and_taken_back_is_counted(audited: Audited) -> None:
    with audited.worker.state.engine.begin() as connection:
        given = connection.execute(text("SELECT * FROM coupons WHERE state = 'out'")).mappings().first()
        assert given is not None
        mine = coupons.c.code == given["code"]
        connection.execute(update(coupons).where(mine).values(state="released"))

    assert audited.broken() == {
        "codes shown for good that nobody can redeem": 1,
        "amount over a day's budget, or not as noted": given["amount"],
    }


def test_what_was_met_is_counted_and_what_was_not_is_none(audited: Audited) -> None:
    with audited.worker.state.engine.connect() as connection:
        met = seen(read_books(connection), audited.told)

    assert met["deferred decisions never activated"] == len(CUSTOMERS)
    assert met["deferred decisions activated"] == 0
    assert met["decisions suppressed by a cap"] == 0
    assert met["coupons refused by the day's budget, the smallest too"] == 0


def test_caps_and_budgets_that_bind_are_met(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    wheel = points[JOURNEY].model_dump()
    tight = {
        "coupon": {**wheel["coupon"], "daily_budget": 1},
        "caps": [{"name": "one", "at_most": 1, "within": 24}],
    }
    worker, told = make_worker(points={JOURNEY: DecisionPoint.model_validate({**wheel, **tight})}), Told()
    worker.reader.customers["c"] = stored_customer("c", recency_days=3.0)
    for wanted in ("channel", "channel", "coupon"):
        ask(worker, told, "c", decide=[wanted])

    with worker.state.engine.connect() as connection:
        met = seen(read_books(connection), told)

    assert met["coupons refused by the day's budget, the smallest too"] == 1
    assert met["decisions suppressed by a cap"] == 1


def test_a_repeated_draw_is_in_effect_when_the_one_that_drew_is(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    daily = {**points[JOURNEY].model_dump()["coupon"], "once_per": "day"}
    point = DecisionPoint.model_validate({**points[JOURNEY].model_dump(), "coupon": daily})
    worker, told = make_worker(points={JOURNEY: point}), Told()
    for activations in (("now", "deferred"), ("deferred", "deferred")):
        customer = f"first-{activations[0]}"
        worker.reader.customers[customer] = stored_customer(customer, recency_days=3.0)
        for activate in activations:
            ask(worker, told, customer, activate=activate)

    with worker.state.engine.connect() as connection:
        found = read_books(connection).decisions.values()

    assert sum(each.record["repeats"] is not None for each in found) == 2
    assert [each.is_in_effect for each in found if each.customer == "first-now"] == [True, True]
    assert [each.is_in_effect for each in found if each.customer == "first-deferred"] == [False, False]


def test_limits_that_were_passed_are_counted(audited: Audited) -> None:
    nothing = {"caps": [{"name": "none", "at_most": 0, "within": 24}]}
    wheel = audited.rules.journeys[JOURNEY]
    night = {**wheel, "send_time": {"quiet_hours": {"start": "00:00", "end": "23:59"}}}
    poor = {**wheel, "coupon": {"daily_budget": 10_000}}

    capped = audited.broken(shop=nothing)
    quiet = audited.broken(journeys={JOURNEY: night})
    spent = audited.broken(journeys={JOURNEY: poor})

    assert capped["customers over a cap"] >= 3
    assert quiet["messages in quiet hours"] >= 3
    assert spent["amount over a day's budget, or not as noted"] >= 10_000


def test_what_is_left_of_a_forgotten_customer_is_found(audited: Audited) -> None:
    customer = CUSTOMERS[0]
    audited.told.forget(customer)
    before = audited.broken()

    with audited.worker.state.engine.begin() as connection:
        forget_customer(connection, customer, randomness=b"0123456789abcdef", now=audited.worker.clock())

    assert before["decisions of forgotten customers that are gone or still known as theirs"] == 2
    assert before["places that still name a forgotten customer or a code of theirs"] > 2
    assert audited.broken() == {}
    assert audited.short() == set()


def test_a_decision_made_after_its_customer_was_forgotten_is_found(audited: Audited) -> None:
    customer = CUSTOMERS[0]
    with audited.worker.state.engine.begin() as connection:
        forget_customer(connection, customer, randomness=b"0123456789abcdef", now=audited.worker.clock())
    audited.told.forget(customer)

    with audited.worker.state.engine.begin() as connection:
        row = connection.execute(text("SELECT * FROM decisions LIMIT 1")).mappings().one()
        late = {**row, "decision_id": "late", "customer_id": customer}
        connection.execute(
            insert(decisions).values({**late, "decided_at": microseconds(audited.worker.clock())})
        )

    broken = audited.broken()
    assert broken["decisions in the log that nobody was answered"] == 1
    assert broken["places that still name a forgotten customer or a code of theirs"] == 1
