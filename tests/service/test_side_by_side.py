"""Many decisions side by side: each is what it would be alone, whatever becomes of the others."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from features.encoding import encode
from models.feedback import Floats
from models.inputs import CHANNELS
from service.course import Facts
from service.decider import Asked, decide, decide_side_by_side
from service.decision_id import decision_id
from service.errors import UnusableRequestError
from service.record import DecisionRecord
from service.schemas import DecideRequest
from service.side_by_side import MOST, SideBySide
from tests.service.conftest import Worker, stored_customer

JOURNEYS = ("lucky_wheel", "cart_abandonment", "churn_prevention")


def asked_of(worker: Worker, number: int, **more: object) -> Asked:
    """A decision of one of three journeys about a customer with or without consent."""
    now, customer = worker.clock(), f"customer {number}"
    identity = decision_id(int(now.timestamp() * 1000), number.to_bytes(10, "big"))
    request = DecideRequest.model_validate({"customer_id": customer, "journey": JOURNEYS[number % 3], **more})
    stored = stored_customer(customer, now, **{f"consent_{channel}": number % 5 > 0 for channel in CHANNELS})
    features = encode(stored, now=now, schema=worker.state.schema)
    return Asked(
        Facts(identity, now, request, features),
        worker.state.feed.current,
        worker.state.rules_of(request.journey),
    )


def test_each_is_what_it_is_alone_to_the_byte(worker: Worker) -> None:
    asked = [asked_of(worker, number) for number in range(90)]

    together = decide_side_by_side(asked)

    assert together == [decide(*each) for each in asked]
    statuses = {record.status for record in together if isinstance(record, DecisionRecord)}
    assert {"act", "suppressed"} <= statuses


def test_one_that_cannot_be_made_keeps_none_of_the_others_back(worker: Worker) -> None:
    asked = [
        asked_of(worker, 0),
        asked_of(worker, 1, decide=["message"], force={"message": "none such"}),
        asked_of(worker, 2),
    ]

    first, fault, last = decide_side_by_side(asked)

    assert isinstance(fault, UnusableRequestError)
    assert [first, last] == [decide(*asked[0]), decide(*asked[2])]


def test_one_whose_scores_cannot_be_had_is_told_so_and_nobody_else(worker: Worker) -> None:
    class Broken:
        def score(self, _vector: Floats) -> float:
            raise ValueError("no trees")

        score_many = score

    sound = asked_of(worker, 0)
    broken = asked_of(worker, 1)
    broken = broken._replace(models=replace(broken.models, scorers={"churn_risk": Broken()}))

    async def both() -> list[DecisionRecord | BaseException]:
        side_by_side = SideBySide()
        waiting = [asyncio.create_task(side_by_side.decide(each)) for each in (broken, sound)]
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)

    fault, record = asyncio.run(both())

    assert str(fault) == "no trees"
    assert record == decide(*sound)


def test_those_that_ask_in_one_turn_are_answered_each_with_its_own(worker: Worker) -> None:
    asked = [asked_of(worker, number) for number in range(2 * MOST + 3)]
    unusable = asked_of(worker, 5, force={"channel": "pigeon"})

    async def all_at_once() -> list[DecisionRecord | BaseException]:
        side_by_side = SideBySide()
        waiting = [asyncio.create_task(side_by_side.decide(each)) for each in (*asked, unusable)]
        await asyncio.sleep(0)
        waiting[7].cancel()  # who gave up is not decided for, and keeps nobody back
        return await asyncio.gather(*waiting, return_exceptions=True)

    answers = asyncio.run(all_at_once())

    assert isinstance(answers.pop(), UnusableRequestError)
    assert isinstance(answers.pop(7), asyncio.CancelledError)
    assert answers == [decide(*each) for place, each in enumerate(asked) if place != 7]


@pytest.mark.parametrize("n_asked", [0, 1])
def test_few_are_no_special_case(worker: Worker, n_asked: int) -> None:
    asked = [asked_of(worker, number) for number in range(n_asked)]

    assert decide_side_by_side(asked) == [decide(*each) for each in asked]
