"""`/v1/coupons`: redeemed once by one order, and never when it expired, was altered, or was not given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from httpx2 import Response
from sqlalchemy import select

from service.coupons.key import CouponKey
from service.coupons.key_file import add_key, revoke_key
from service.coupons.redemption import REFUSALS
from service.coupons.token import read_token, write_token
from service.decision_point import DecisionPoint
from service.store.tables import budgets, coupons, messages, outcomes
from tests.service.conftest import KEY, NOW, Worker, stored_customer
from tests.service.test_activation import activate
from tests.service.test_learner import rewards_of
from tests.service.test_ledger import with_coupon
from tests.service.test_outcomes import outcome, send
from tests.service.test_verify import run_verify

MakeWorker = Callable[..., Worker]
WHEEL = {"journey": "lucky_wheel", "decide": ["coupon"], "eligible": {"coupon": ["30000"]}}


def draw(worker: Worker, customer: str = "c1", **asked: object) -> dict[str, Any]:
    """The decision that gives this customer 30,000 until midnight in Tehran, 20:30 in UTC."""
    worker.reader.customers.setdefault(customer, stored_customer(customer))
    return worker.decide(customer_id=customer, **{**WHEEL, **asked})


def redeem(worker: Worker, order: str = "o1", **presented: object) -> Response:
    return worker.client.post("/v1/coupons/redeem", json={"order_id": order, **presented})


def look(worker: Worker, code: str) -> dict[str, Any]:
    found: dict[str, Any] = worker.client.get(f"/v1/coupons/{code}").json()
    return found


@pytest.mark.parametrize("form", ["code", "token"])
def test_a_coupon_is_redeemed_once_by_its_code_or_its_token(worker: Worker, form: str) -> None:
    coupon = draw(worker)["coupon"]
    before = look(worker, coupon["code"])["state"]

    first = redeem(worker, **{form: coupon[form]})
    again = redeem(worker, **{form: coupon[form]})
    other = redeem(worker, "o2", code=coupon["code"])

    assert before == "out"
    assert (first.status_code, first.json()["state"], first.json()["order_id"]) == (200, "redeemed", "o1")
    assert (again.status_code, again.content) == (200, first.content)
    assert (other.status_code, other.json()["title"]) == (409, "Coupon already redeemed")
    assert look(worker, coupon["code"]) == first.json()


def test_the_same_order_gets_the_same_answer_after_midnight_and_after_a_release(worker: Worker) -> None:
    coupon = draw(worker)["coupon"]
    first = redeem(worker, code=coupon["code"], order_value=12_000)
    worker.clock.advance(days=3)
    worker.keep_up()

    again = redeem(worker, code=coupon["code"], order_value=99_000)

    assert again.content == first.content


def test_of_many_orders_at_once_one_wins(make_worker: MakeWorker) -> None:
    workers = [make_worker(), make_worker(champions=False)]
    coupon = draw(workers[0])["coupon"]

    with ThreadPoolExecutor(12) as pool:
        tried = list(pool.map(lambda n: redeem(workers[n % 2], f"o{n}", code=coupon["code"]), range(24)))

    assert Counter(each.status_code for each in tried) == {200: 1, 409: 23}
    with workers[0].state.engine.connect() as connection:
        assert connection.execute(select(outcomes.c.kind)).all() == [("redeemed",)]
        winner = connection.scalar(select(coupons.c.order_id))
    assert [each.json()["order_id"] for each in tried if each.status_code == 200] == [winner]


def test_an_expired_coupon_is_gone_with_and_without_its_release(worker: Worker) -> None:
    coupon = draw(worker)["coupon"]
    worker.clock.now = NOW.replace(hour=20, minute=30)

    refused = redeem(worker, code=coupon["code"])
    worker.keep_up()
    released = redeem(worker, token=coupon["token"])

    assert (refused.status_code, released.status_code) == (410, 410)
    assert refused.json()["title"] == "Coupon expired"
    assert look(worker, coupon["code"])["state"] == "expired"


def test_until_the_last_moment_it_is_good(worker: Worker) -> None:
    coupon = draw(worker)["coupon"]
    worker.clock.now = NOW.replace(hour=20, minute=29, second=59, microsecond=999_000)

    assert redeem(worker, code=coupon["code"]).status_code == 200


def test_what_was_altered_is_not_genuine_and_what_was_never_given_is_unknown(worker: Worker) -> None:
    coupon = draw(worker)["coupon"]
    signed = read_token(coupon["token"], KEY.public_jwk())
    more = write_token(KEY, type(signed)(**{**vars(signed), "amount": 50_000}))
    elsewhere = write_token(KEY, type(signed)(**{**vars(signed), "decision_id": "d"}))
    forged = write_token(CouponKey(bytes(32), NOW), signed)
    cut = coupon["token"][:-20]

    statuses = {
        "more": redeem(worker, token=more).status_code,
        "elsewhere": redeem(worker, token=elsewhere).status_code,
        "forged": redeem(worker, token=forged).status_code,
        "cut": redeem(worker, token=cut).status_code,
        "no code": redeem(worker, code="thirty off!").status_code,
        "unknown": redeem(worker, code="0000-0000-0000-0000").status_code,
        "looked up": worker.client.get("/v1/coupons/0000-0000-0000-0000").status_code,
    }

    assert statuses == {
        "more": 422,
        "elsewhere": 404,
        "forged": 422,
        "cut": 422,
        "no code": 422,
        "unknown": 404,
        "looked up": 404,
    }
    assert look(worker, coupon["code"])["state"] == "out"


@pytest.mark.parametrize(
    "body",
    [
        {"order_id": "o1"},
        {"order_id": "o1", "code": "a", "token": "b"},
        {"code": "a"},
        {"order_id": "o1", "code": "a", "order_value": -1},
    ],
)
def test_a_request_that_says_too_little_or_too_much_is_refused(
    worker: Worker, body: dict[str, object]
) -> None:
    assert worker.client.post("/v1/coupons/redeem", json=body).status_code == 422


def test_a_code_is_read_as_people_type_it(worker: Worker) -> None:
    code = draw(worker)["coupon"]["code"]

    assert redeem(worker, code=code.lower().replace("-", " ")).status_code == 200


def test_a_coupon_is_its_customers_where_the_till_says_who_that_is(worker: Worker) -> None:
    coupon = draw(worker)["coupon"]

    other = redeem(worker, code=coupon["code"], customer_id="c2")
    own = redeem(worker, token=coupon["token"], customer_id="c1")

    assert (other.status_code, other.json()["title"]) == (422, "Another customer's coupon")
    assert own.status_code == 200


def test_a_redemption_is_learnt_as_what_it_took_off_and_keeps_the_messages_place(worker: Worker) -> None:
    worker.reader.customers["c1"] = stored_customer("c1")
    asked = {"journey": "churn_prevention", "eligible": {"coupon": ["30000"]}}
    answer: dict[str, Any] = worker.decide(customer_id="c1", **asked)
    worker.clock.advance(hours=24)

    redeemed = redeem(worker, code=answer["coupon"]["code"], order_value=20_000)
    worker.learn()

    with worker.state.engine.connect() as connection:
        assert connection.execute(
            select(outcomes.c.event_id, outcomes.c.decision_id, outcomes.c.value, outcomes.c.currency)
        ).all() == [(f"redeemed:{answer['decision_id']}", answer["decision_id"], 20_000.0, "IRT")]
        assert connection.scalar(select(messages.c.lapses_at)) is None
    assert redeemed.json()["discount"] == 20_000
    assert rewards_of(worker.state.engine)["coupon"] == ("open", -20.0)


def test_a_redemption_that_the_shop_tells_of_too_is_learnt_once(worker: Worker) -> None:
    answer = draw(worker)
    redeem(worker, code=answer["coupon"]["code"])
    told = outcome(answer["decision_id"], "till 7", "redeemed", value=30_000, currency="IRT")

    statuses = [*send(worker, told), *send(worker, told)]

    assert statuses == [200, 200]
    with worker.state.engine.connect() as connection:
        assert connection.scalars(select(outcomes.c.value)).all() == [30_000]


def test_a_redemption_that_the_shop_tells_of_by_itself_uses_the_coupon_up(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", daily_budget=100_000))
    answer = draw(worker)
    code = answer["coupon"]["code"]
    told = outcome(answer["decision_id"], "till 7", "redeemed", value=25_000, currency="IRT")

    statuses = [*send(worker, told), *send(worker, told), *send(worker, {**told, "value": 1})]
    worker.clock.advance(days=2)
    worker.keep_up()

    assert statuses == [202, 200, 409]
    assert (look(worker, code)["state"], look(worker, code)["discount"]) == ("redeemed", 25_000)
    assert redeem(worker, code=code).status_code == 409
    with worker.state.engine.connect() as connection:
        assert connection.scalar(select(budgets.c.used)) == 30_000


def test_a_redemption_keeps_the_budget_used(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", daily_budget=100_000))
    coupon = draw(worker)["coupon"]

    redeem(worker, code=coupon["code"])
    worker.clock.advance(days=2)
    worker.keep_up()

    with worker.state.engine.connect() as connection:
        assert connection.scalar(select(budgets.c.used)) == 30_000


def test_a_deferred_coupon_is_good_once_it_is_activated(worker: Worker) -> None:
    answer = draw(worker, activate="deferred")
    code = answer["coupon"]["code"]

    waiting = redeem(worker, code=code)
    state = look(worker, code)["state"]
    activate(worker, answer["decision_id"])

    assert (waiting.status_code, waiting.json()["title"]) == (409, "Coupon not activated")
    assert state == "deferred"
    assert redeem(worker, code=code).status_code == 200


def test_a_deferred_coupon_that_was_never_activated_is_never_good(worker: Worker) -> None:
    code = draw(worker, activate="deferred")["coupon"]["code"]
    worker.clock.advance(hours=2)

    before = redeem(worker, code=code)
    worker.keep_up()
    after = redeem(worker, code=code)

    assert (before.status_code, after.status_code) == (409, 410)
    assert look(worker, code)["state"] == "released"


def test_a_dry_run_gives_nothing_to_redeem(worker: Worker) -> None:
    answer = draw(worker, dry_run=True)

    assert (answer["coupon"]["code"], answer["coupon"]["token"]) == (None, None)


def test_old_coupons_outlive_a_rotation_and_every_decision_comes_out_again(worker: Worker) -> None:
    old = draw(worker, "c1")
    rotated = CouponKey(b"the key after the first, 32 byte", NOW)
    add_key(worker.state.settings.coupon_keys_path, rotated)
    new = draw(worker, "c2")

    published = worker.client.get("/v1/coupons/keys")
    kept = [redeem(worker, f"o-{a['decision_id']}", token=a["coupon"]["token"]) for a in (old, new)]
    result = run_verify(worker, find=worker.state.coupon_keys.find)

    assert [a["versions"]["coupon_key"] for a in (old, new)] == [KEY.key_id, rotated.key_id]
    assert [jwk["kid"] for jwk in published.json()["keys"]] == [KEY.key_id, rotated.key_id]
    assert published.headers["cache-control"] == "public, max-age=300"
    assert [each.status_code for each in kept] == [200, 200]
    assert (result.reenacted, result.differing) == (2, [])
    checked = jwt.PyJWKSet.from_dict(published.json())[rotated.key_id]
    assert jwt.decode(new["coupon"]["token"], checked, ["EdDSA"], {"verify_exp": False})["amount"] == 30_000


def test_of_a_revoked_key_the_tokens_are_refused_and_the_codes_are_good(worker: Worker) -> None:
    answer = draw(worker)
    path = worker.state.settings.coupon_keys_path
    add_key(path, CouponKey(b"the key after the first, 32 byte", NOW))
    revoke_key(path, KEY.key_id, NOW)

    refused = redeem(worker, token=answer["coupon"]["token"])

    assert (refused.status_code, refused.json()["title"]) == (422, "Coupon not genuine")
    assert redeem(worker, code=answer["coupon"]["code"]).status_code == 200
    assert run_verify(worker, find=worker.state.coupon_keys.find).differing == []


def test_every_attempt_is_counted_by_what_became_of_it(worker: Worker) -> None:
    given, late = draw(worker)["coupon"], draw(worker, "c2")["coupon"]
    waiting = draw(worker, "c3", activate="deferred")["coupon"]
    for order in ("o1", "o1", "o1", "o2"):
        redeem(worker, order, code=given["code"])
    redeem(worker, token=given["token"][:-20])
    redeem(worker, code="7K3M-9QXT-0R5C-HWB2")
    redeem(worker, code=late["code"], customer_id="somebody else")
    redeem(worker, code=waiting["code"])
    worker.clock.advance(days=1)
    redeem(worker, code=late["code"])

    shown = worker.client.get("/metrics").text

    found = dict(re.findall(r'gardoon_coupon_redemptions_total{result="(\w+)"} (\S+)', shown))
    once = dict.fromkeys(("redeemed", *REFUSALS.values()), "1.0")
    assert found == {**once, "repeated": "2.0"}


def mailed(worker: Worker) -> dict[str, Any]:
    """The decision that sends this customer 30,000, valid for three days."""
    worker.reader.customers["c1"] = stored_customer("c1")
    asked = {"journey": "churn_prevention", "eligible": {"coupon": ["30000"]}}
    answer: dict[str, Any] = worker.decide(customer_id="c1", **asked)
    return answer


def used(worker: Worker) -> int:
    """What the day's budget has given out."""
    with worker.state.engine.connect() as connection:
        return connection.scalar(select(budgets.c.used)) or 0


def test_the_code_of_a_message_that_reached_nobody_is_dead_and_its_value_is_back_in_the_budget(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "churn_prevention", daily_budget=100_000))
    answer = mailed(worker)
    before = used(worker)

    send(worker, outcome(answer["decision_id"], "withdrawn", "undelivered"))

    refused = redeem(worker, code=answer["coupon"]["code"])
    assert (refused.status_code, "reached nobody" in refused.json()["detail"]) == (410, True)
    assert look(worker, answer["coupon"]["code"])["state"] == "released"
    assert (before, used(worker)) == (30_000, 0)


@pytest.mark.parametrize("kinds", [("undelivered", "delivered"), ("clicked", "undelivered")])
def test_a_code_that_somebody_saw_stays_good_whatever_else_was_told(
    make_worker: MakeWorker, points: dict[str, DecisionPoint], kinds: tuple[str, ...]
) -> None:
    worker = make_worker(points=with_coupon(points, "churn_prevention", daily_budget=100_000))
    answer = mailed(worker)

    for kind in kinds:
        send(worker, outcome(answer["decision_id"], kind, kind))

    assert used(worker) == 30_000
    assert redeem(worker, code=answer["coupon"]["code"]).status_code == 200


def test_a_code_that_died_before_its_message_was_seen_after_all_stays_dead(worker: Worker) -> None:
    answer = mailed(worker)
    send(worker, outcome(answer["decision_id"], "lost", "undelivered"))
    worker.clock.advance(days=4)

    send(worker, outcome(answer["decision_id"], "found", "delivered"))

    assert redeem(worker, code=answer["coupon"]["code"]).status_code == 410


def test_the_code_of_a_days_draw_stays_good_as_whoever_asks_again_is_shown_it(
    make_worker: MakeWorker, points: dict[str, DecisionPoint]
) -> None:
    worker = make_worker(points=with_coupon(points, "lucky_wheel", once_per="day"))
    answer = draw(worker)

    send(worker, outcome(answer["decision_id"], "tab closed", "undelivered"))

    assert draw(worker)["coupon"]["code"] == answer["coupon"]["code"]
    assert redeem(worker, code=answer["coupon"]["code"]).status_code == 200


def test_a_redeemed_coupon_is_not_taken_back(worker: Worker) -> None:
    answer = mailed(worker)
    redeem(worker, code=answer["coupon"]["code"])

    send(worker, outcome(answer["decision_id"], "late", "undelivered"))

    assert look(worker, answer["coupon"]["code"])["state"] == "redeemed"
