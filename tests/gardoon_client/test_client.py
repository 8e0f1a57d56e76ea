"""The typed client against a server that breaks connections: whatever is lost is asked again, and decided once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import get_args, get_type_hints

import pytest
from sqlalchemy import func, select

import gardoon_client
from gardoon_client import (
    AccessError,
    AsyncClient,
    Client,
    ConflictError,
    CouponState,
    DecideRequest,
    Decision,
    NoAnswerError,
    NotFoundError,
    Outcome,
    ProblemError,
    RedeemRequest,
    RequestError,
    Retry,
    TooManyRequestsError,
    Trigger,
    UnavailableError,
)
from service import schemas
from service.access.scope import Scope
from service.batch_schema import BatchItem
from service.store.tables import decisions
from tests.gardoon_client.dropping_server import DroppingServer, Fault, dropping_server
from tests.service.access.callers import give_key
from tests.service.conftest import Worker

WHEEL = DecideRequest(customer_id="c1", journey="churn_prevention")


@pytest.fixture
def server(worker: Worker) -> Iterator[DroppingServer]:
    with dropping_server(worker.client) as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(server: DroppingServer, pauses: list[float]) -> Iterator[Client]:
    with Client(server.address, sleep=pauses.append) as made:
        yield made


def logged(worker: Worker) -> int:
    with worker.state.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(decisions)) or 0


def test_a_decision_comes_back_typed(client: Client) -> None:
    request = DecideRequest(
        customer_id="c1",
        journey="churn_prevention",
        trigger=Trigger(name="silent", at=datetime(2026, 11, 22, 9, tzinfo=UTC)),
        eligible={"coupon": ["20000"]},
        context={"basket": 3.5, "returning": True},
    )

    decision = client.decide(request)

    assert decision.acts
    assert decision.coupon is not None
    assert (decision.coupon.amount, decision.coupon.currency) == (20000, "IRT")
    assert decision.send_at is not None
    assert decision.send_at.tzinfo is not None
    assert decision.raw["decision_id"] == decision.decision_id
    assert client.read_decision(decision.decision_id).answer == decision.raw


@pytest.mark.parametrize("faults", [["lose"], ["break"], ["refuse", "lose", "break"]])
def test_a_retry_after_a_broken_connection_gets_the_decision_that_was_logged(
    server: DroppingServer,
    client: Client,
    worker: Worker,
    pauses: list[float],
    faults: list[Fault],
) -> None:
    server.faults.extend(faults)

    decision = client.decide(WHEEL)

    assert logged(worker) == 1
    assert client.read_decision(decision.decision_id).answer == decision.raw
    assert len(set(server.keys[:-1])) == 1
    assert len(pauses) == len(faults)


def test_the_async_client_does_the_same(server: DroppingServer, worker: Worker) -> None:
    server.faults.extend(["lose", "break"])

    async def ask() -> tuple[Decision, list[Decision | ProblemError]]:
        async with AsyncClient(server.address, retry=Retry(first_s=0.001)) as client:
            decision = await client.decide(WHEEL)
            await client.tell([outcome_of(decision)])
            assert (await client.score("c1")).scores.currency == "IRT"
            return decision, await client.decide_many([WHEEL, WHEEL])

    decision, many = asyncio.run(ask())

    assert logged(worker) == 3
    assert all(isinstance(found, Decision) for found in many)
    assert decision.customer_id == "c1"


def test_a_coupon_is_redeemed_once_though_the_answer_was_lost(server: DroppingServer, client: Client) -> None:
    decision = client.decide(replace(WHEEL, eligible={"coupon": ["20000"]}))
    assert decision.coupon is not None
    server.faults.extend(["lose", "break"])

    redeemed = client.redeem(RedeemRequest(order_id="o1", code=decision.coupon.code, order_value=15_000))

    async def redeem_again() -> CouponState:
        async with AsyncClient(server.address) as other:
            assert decision.coupon is not None
            return await other.redeem(RedeemRequest(order_id="o1", token=decision.coupon.token))

    assert (redeemed.discount, redeemed.decision_id) == (15_000, decision.decision_id)
    assert asyncio.run(redeem_again()) == redeemed
    with pytest.raises(ConflictError):
        client.redeem(RedeemRequest(order_id="o2", code=decision.coupon.code))


def test_a_batch_that_broke_off_goes_on_where_it_was_cut(
    server: DroppingServer,
    client: Client,
    worker: Worker,
) -> None:
    server.faults.extend(["break", "refuse", "lose"])
    requests = [DecideRequest(customer_id=f"c{n}", journey="cross_sell") for n in range(20)]
    wrong = DecideRequest(customer_id="c1", journey="lucky_weel")

    found = client.decide_many([*requests, wrong])

    assert [d.customer_id for d in found if isinstance(d, Decision)] == [r.customer_id for r in requests]
    assert isinstance(found[-1], NotFoundError)
    assert logged(worker) == 20


def test_after_the_last_attempt_the_error_is_told(server: DroppingServer) -> None:
    server.faults.extend(["refuse"] * 3)

    with (
        Client(server.address, retry=Retry(attempts=3, first_s=0.001)) as client,
        pytest.raises(NoAnswerError),
    ):
        client.decide(WHEEL)
    assert len(server.keys) == 3


def test_the_service_is_given_the_time_it_asks_for(
    server: DroppingServer, client: Client, pauses: list[float]
) -> None:
    server.faults.append("too many")

    client.decide(WHEEL)

    assert len(pauses) == 1
    assert 1.0 <= pauses[0] <= 1.1


@pytest.mark.parametrize(
    ("request_", "kind", "named"),
    [
        (DecideRequest(customer_id="c1", journey="lucky_weel"), NotFoundError, "lucky_wheel"),
        (DecideRequest(customer_id="", journey="lucky_wheel"), RequestError, "customer_id"),
    ],
)
def test_what_cannot_pass_is_raised_at_once(
    server: DroppingServer, client: Client, request_: DecideRequest, kind: type[ProblemError], named: str
) -> None:
    with pytest.raises(kind) as caught:
        client.decide(request_)

    assert named in caught.value.detail
    assert len(server.keys) == 1


def test_an_answer_that_is_no_problem_document_is_an_error_of_its_status(
    server: DroppingServer, client: Client
) -> None:
    server.faults.append("proxy error")

    with pytest.raises(UnavailableError) as caught:
        client.decide(WHEEL)
    assert caught.value.status == 502


def test_an_unprotected_call_to_a_protected_service_is_an_access_error(
    server: DroppingServer,
    client: Client,
    worker: Worker,
) -> None:
    key = give_key(worker, Scope.DECIDE)

    with pytest.raises(AccessError):
        client.decide(WHEEL)
    with Client(server.address, api_key=str(key)) as allowed:
        assert allowed.decide(WHEEL).customer_id == "c1"


def outcome_of(decision: Decision) -> Outcome:
    at = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    return Outcome(event_id="e1", decision_id=decision.decision_id, kind="clicked", occurred_at=at)


def test_outcomes_are_told_one_by_one_and_once(server: DroppingServer, client: Client) -> None:
    known = outcome_of(client.decide(WHEEL))
    unknown = Outcome(event_id="e2", decision_id="none", kind="clicked", occurred_at=known.occurred_at)
    server.faults.append("lose")

    results = client.tell([known, unknown])

    assert [(result.status, result.accepted) for result in results] == [(200, True), (404, False)]


def test_a_deferred_decision_is_activated(client: Client) -> None:
    decision = client.decide(DecideRequest(customer_id="c1", journey="cross_sell", activate="deferred"))

    activation = client.activate(decision.decision_id)

    assert activation.decision_id == decision.decision_id
    assert client.activate(decision.decision_id) == activation
    with pytest.raises(NotFoundError):
        client.activate("nothing/../there")


def test_a_time_without_a_zone_is_refused_before_it_is_sent(server: DroppingServer, client: Client) -> None:
    naive = DecideRequest(customer_id="c1", journey="cross_sell", deadline_at=datetime(2026, 11, 22))  # noqa: DTZ001

    with pytest.raises(ValueError, match="without a zone"):
        client.decide(naive)
    assert server.keys == []


def test_pauses_grow_and_stop_at_the_longest() -> None:
    retry, lost = Retry(attempts=10, first_s=0.1, longest_s=1.0), NoAnswerError("gone")

    pauses = [retry.pause_s(attempt, lost, lambda: 1.0) for attempt in range(1, 11)]

    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0, None])


def test_a_service_that_asks_for_more_time_than_one_has_is_not_waited_for() -> None:
    busy = TooManyRequestsError(429, {}, retry_after_s=3600)

    assert Retry().pause_s(1, busy, lambda: 0.5) is None


def test_all_names_are_exported() -> None:
    assert all(hasattr(gardoon_client, name) for name in gardoon_client.__all__)


def test_the_clients_requests_have_the_services_fields() -> None:
    assert {f.name for f in fields(DecideRequest)} == set(BatchItem.model_fields)
    assert {f.name for f in fields(Trigger)} == set(schemas.Trigger.model_fields)
    assert {f.name for f in fields(Outcome)} == set(schemas.OutcomeItem.model_fields)


@pytest.mark.parametrize("name", ["activate", "explain"])
def test_the_client_offers_the_services_choices(name: str) -> None:
    offered = get_args(get_type_hints(DecideRequest)[name])

    assert offered == get_args(schemas.DecideRequest.model_fields[name].annotation)


def test_items_of_a_batch_that_may_pass_later_are_asked_for_again(
    client: Client, worker: Worker, pauses: list[float]
) -> None:
    commit, failed = worker.state.log._do, []

    def fail_once(batch: object) -> object:
        if not failed:
            failed.append(batch)
            raise OSError("disk")
        return commit(batch)  # type: ignore[arg-type]

    worker.state.log._do = fail_once  # type: ignore[method-assign, assignment]

    found = client.decide_many([DecideRequest(customer_id=f"c{n}", journey="cross_sell") for n in range(4)])

    assert all(isinstance(decision, Decision) for decision in found)
    assert logged(worker) == 4
    assert [pause >= 1.0 for pause in pauses] == [True]
