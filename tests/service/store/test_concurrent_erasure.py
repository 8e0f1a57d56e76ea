"""A customer is forgotten while others write about them: nobody waits for ever, and what belongs together stays together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, Table, select, text, update

from models.packing import unpack
from service.decision_point import DecisionPoint
from service.observability import Metrics
from service.point_files import load_decision_points
from service.record import DecisionRecord
from service.settings import Settings
from service.store.deadlock import unless_deadlocked
from service.store.decision_log import DecisionLog, read_record
from service.store.erasure import Erasure, forget_customer
from service.store.ledger import StandingMovedError, forgotten_since, take_claims
from service.store.tables import coupons, decisions, draws, idempotency_keys, messages, standings
from tests.running import wait_for
from tests.service.conftest import NOW, Worker, stored_customer, without_quiet_hours
from tests.service.test_outcomes import outcome, send

CUSTOMER = "needle-4711@example.com"
ERASURES = 12


@pytest.fixture
def worker(make_worker: Callable[..., Worker]) -> Worker:
    """A worker of the shipped journeys, with all their caps, draws and budgets, who knows the customer."""
    shipped = load_decision_points(Settings().decision_points)
    made = make_worker(points={name: without_holdout(point) for name, point in shipped.items()})
    made.reader.customers[CUSTOMER] = stored_customer(CUSTOMER, recency_days=3.0)
    return made


def without_holdout(point: DecisionPoint) -> DecisionPoint:
    fields = {**without_quiet_hours(point).model_dump(), "shares": {}, "shop": {}}
    return DecisionPoint.model_validate(fields)


def forget(engine: Engine, number: int = 0, now: datetime = NOW) -> Erasure | None:
    def work(connection: Connection) -> Erasure | None:
        return forget_customer(connection, CUSTOMER, randomness=number.to_bytes(16), now=now)

    return unless_deadlocked(engine, work)


def spin(worker: Worker, **more: Any) -> dict[str, Any]:
    return worker.decide(customer_id=CUSTOMER, journey="lucky_wheel", excluded={"coupon": ["none"]}, **more)


def live(worker: Worker, name: str) -> None:
    """What a shop does about its customer: wheels, reminders, what came back of them, redemptions."""
    spun = worker.client.post(
        "/v1/decide",
        json={"customer_id": CUSTOMER, "journey": "lucky_wheel", "activate": "deferred"},
        headers={"Idempotency-Key": f"{CUSTOMER}-{name}"},
    ).json()
    if "decision_id" not in spun:
        return
    worker.client.post(f"/v1/decisions/{spun['decision_id']}/activate")
    reminded = worker.client.post("/v1/decide", json={"customer_id": CUSTOMER, "journey": "cart_abandonment"})
    at = spun["decided_at"]
    facts = [
        outcome(spun["decision_id"], f"{name}-{kind}", kind, occurred_at=at)
        for kind in ("delivered", "clicked")
    ]
    if spun["coupon"]:
        told = {"value": 1000, "currency": "IRT", "occurred_at": at}
        facts.append(outcome(spun["decision_id"], f"{CUSTOMER}-{name}", "redeemed", **told))
        worker.client.post("/v1/coupons/redeem", json={"code": spun["coupon"]["code"], "order_id": name})
    if reminded.status_code == 200:
        facts.append(outcome(reminded.json()["decision_id"], f"{name}-r", "delivered", occurred_at=at))
    send(worker, *facts)


def test_erasures_beside_a_customers_life_neither_deadlock_nor_tear_it_apart(worker: Worker) -> None:
    engine, over, lived = worker.state.engine, threading.Event(), list[str]()

    def go_on(name: str) -> None:
        while not over.is_set():
            live(worker, f"{name} {len(lived)}")
            lived.append(name)

    with ThreadPoolExecutor(3) as pool:
        lives = [pool.submit(go_on, name) for name in ("anna", "bea", "cleo")]
        for number in range(ERASURES):
            had = len(lived)
            forget(engine, number)
            wait_for(lambda had=had: len(lived) > had, seconds=60, what="some life between two erasures")
        over.set()
    for each in lives:
        each.result()
    torn = torn_apart(engine)
    forget(engine, ERASURES)

    assert torn == []
    assert deadlocks(engine) == 0
    assert everything_live(engine).count(CUSTOMER.encode()) == 0


def everything_live(engine: Engine) -> bytes:
    """What the tables hold; the bytes of SQLite's file are another test's."""
    with engine.connect() as connection:
        tables = (decisions, messages, draws, coupons, standings, idempotency_keys)
        return b"".join(
            repr(tuple(row)).encode() for table in tables for row in connection.execute(select(table))
        ) + b"".join(map(unpack, connection.scalars(select(decisions.c.record))))


def torn_apart(engine: Engine) -> list[str]:
    """Rows that are not their decision's customer's, and decisions that tell of one under another name."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(decisions.c.decision_id, decisions.c.customer_id, decisions.c.record)
        ).all()
        whose = {row.decision_id: row.customer_id for row in rows}
        faults = [
            f"{table.name}: {row.decision_id}"
            for table in (messages, draws, coupons)
            for row in connection.execute(select(table.c.decision_id, table.c.customer_id))
            if whose[row.decision_id] != row.customer_id
        ]
    for row in rows:
        others = {each for each, customer in whose.items() if customer != row.customer_id}
        faults += [
            f"{row.decision_id} tells of {each}" for each in others if each.encode() in unpack(row.record)
        ]
    return faults


def deadlocks(engine: Engine) -> int:
    """How many PostgreSQL has ended in this database; SQLite has one writer at a time and so none."""
    if engine.dialect.name == "sqlite":
        return 0
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_clear_snapshot()"))
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(connection.scalar(query) or 0)


def test_a_decision_that_was_made_before_the_erasure_is_not_committed_after_it(worker: Worker) -> None:
    engine = worker.state.engine
    first, again = spin(worker), spin(worker)
    drew, repeated = (read_record(engine, each["decision_id"]) for each in (first, again))
    assert drew.claims is not None
    assert repeated.claims is None
    late = replace(drew.claims, standing_version=1)

    forget(engine)
    with engine.begin() as connection:
        taken = take_claims(engine, connection, {"late": late})
    result = asyncio.run(append(engine, replace(repeated, decision_id="late")))

    assert taken == set()
    assert isinstance(result, StandingMovedError)
    assert CUSTOMER.encode() not in everything_live(engine)


async def append(engine: Engine, record: DecisionRecord) -> BaseException | None:
    log = DecisionLog(engine, seconds=Metrics().flush_seconds)
    log.start()
    (result,) = await asyncio.gather(log.append(record), return_exceptions=True)
    await log.stop()
    return result


def test_a_decision_after_the_erasure_begins_anew(worker: Worker) -> None:
    before = spin(worker)

    forget(worker.state.engine)
    after = spin(worker)

    assert after["coupon"]["code"] != before["coupon"]["code"]
    record = read_record(worker.state.engine, after["decision_id"])
    assert (record.standing.version, record.repeats) == (0, None)
    assert torn_apart(worker.state.engine) == []


def test_an_order_that_comes_with_the_code_during_the_erasure_leaves_no_number(worker: Worker) -> None:
    code = spin(worker)["coupon"]["code"]

    forget(worker.state.engine)
    answer = worker.client.post("/v1/coupons/redeem", json={"code": code, "order_id": "order-1"})

    assert answer.status_code == 404
    with worker.state.engine.connect() as connection:
        assert list(connection.scalars(select(coupons.c.order_id))) == [None]


def test_while_an_erasure_is_under_way_decisions_about_the_customer_wait_for_it(worker: Worker) -> None:
    engine = worker.state.engine
    spin(worker)
    done = threading.Event()
    found: list[set[str]] = []

    def look() -> None:
        with engine.begin() as connection:
            found.append(forgotten_since(connection, {CUSTOMER}))
        done.set()

    thread = threading.Thread(target=look)
    with engine.begin() as connection:
        forget_customer(connection, CUSTOMER, randomness=bytes(16), now=NOW)
        thread.start()
        wait_for(lambda: waits(engine), seconds=10, what="the other transaction at the lock")
        waited = not done.is_set()
    thread.join(timeout=10)

    assert waited
    assert found == [{CUSTOMER}]


def waits(engine: Engine) -> bool:
    """Whether somebody waits for a lock; on SQLite, where nobody tells, whoever writes waits."""
    if engine.dialect.name == "sqlite":
        return True
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(connection.scalar(query))


def test_an_erasure_takes_rows_in_the_order_of_the_ledger(worker: Worker) -> None:
    """Another writer holds the first, as a claim or a redemption does, and takes the rest while the erasure waits."""
    engine, order = worker.state.engine, (standings, messages, coupons, draws)

    def forget_once(number: int) -> None:
        with engine.begin() as connection:
            forget_customer(connection, CUSTOMER, randomness=number.to_bytes(16), now=NOW)

    for held in range(1, len(order)):
        spin(worker)
        with ThreadPoolExecutor(1) as pool, engine.begin() as connection:
            taken = [take(connection, table) for table in order[:held]]
            forgetting = pool.submit(forget_once, held)
            wait_for(lambda: waits(engine), seconds=10, what="the erasure at the lock")
            taken += [take(connection, table) for table in order[held:]]
        forgetting.result()
        assert taken[0] == taken[2] == taken[3] == 1

    assert CUSTOMER.encode() not in everything_live(engine)


def take(connection: Connection, table: Table) -> int:
    """How many of the customer's rows were locked."""
    mine = update(table).where(table.c.customer_id == CUSTOMER)
    return connection.execute(mine.values(customer_id=table.c.customer_id)).rowcount
