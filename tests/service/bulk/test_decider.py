"""A run's decisions are those that single requests get, whatever is decided beside it and wherever it is cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, func, select, update

from features.schema import load_schema
from features.segment import Segment
from service.bulk.decider import BulkDecider
from service.bulk.run import Run
from service.errors import BusyCustomerError
from service.point_files import load_decision_points
from service.settings import Settings
from service.store.decision_commit import Entry, commit_within
from service.store.tables import budgets, coupons, decisions, draws, messages, standings
from tests.service.conftest import NOW, Worker, stored_customer
from tests.service.test_verify import run_verify

TOLD = (decisions, standings, messages, draws, budgets, coupons)
ZONES = ("Asia/Tehran", "Europe/Berlin", "", "no zone")
CUSTOMERS = [f"c{number}" for number in range(40)]
STRANGER = "stranger"


@pytest.fixture
def shop(make_worker: Callable[..., Worker]) -> Worker:
    """A worker with the shipped journeys, all their limits in them, that knows forty customers."""
    worker = make_worker(points=load_decision_points(Settings().decision_points))
    for number, name in enumerate(CUSTOMERS):
        given = {"recency_days": float(number), "time_zone": ZONES[number % 4], "consent_sms": number % 3 > 0}
        worker.reader.customers[name] = stored_customer(name, **given)
    return worker


def decider(worker: Worker, journey: str, segment: Segment | None = None) -> BulkDecider:
    """What a process decides with, on the worker's parts."""
    run = Run(
        run_id="0f" * 16,
        at=worker.clock(),
        journey=journey,
        segment=segment,
        source="",
        customers=0,
        part_rows=1,
        rules=worker.state.rules[journey].version,
        versions={},
    )
    return BulkDecider(
        run=run,
        schema=load_schema(),
        engine=worker.state.engine,
        reader=worker.reader,
        models=worker.state.feed.current,
        find_rules=lambda: worker.state.rules_of(journey),
    )


def ask_one_by_one(worker: Worker, bulk: BulkDecider, customers: Sequence[str]) -> list[bytes]:
    """The answers of single requests, whose ids are drawn as the run draws them."""
    answers = []
    for customer_id in customers:
        identity = bytes.fromhex(bulk.run.decision_id(customer_id).replace("-", ""))[6:]
        object.__setattr__(worker.state, "randomness", lambda _count, drawn=identity: drawn)
        response = worker.client.post(
            "/v1/decide", json={"customer_id": customer_id, "journey": bulk.run.journey}
        )
        assert response.status_code == 200
        answers.append(response.content)
    return answers


def told(worker: Worker, *, forget: bool = False) -> dict[str, list[Any]]:
    """Everything in the log that decisions leave."""
    with worker.state.engine.begin() as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in TOLD
        }
        if forget:
            for table in TOLD:
                connection.execute(delete(table))
    return rows


def draw_some(worker: Worker, journey: str) -> None:
    """Some customers were decided about before, in this journey and another."""
    for number in range(0, 40, 3):
        worker.decide(customer_id=CUSTOMERS[number], journey=journey if number % 2 else "cart_abandonment")
    worker.clock.advance(minutes=5)


@pytest.mark.parametrize("journey", ["lucky_wheel", "churn_prevention", "cart_abandonment"])
def test_a_run_leaves_in_the_log_what_single_requests_leave_to_the_byte(shop: Worker, journey: str) -> None:
    bulk, customers = decider(shop, journey), [*CUSTOMERS, STRANGER]
    alone = ask_one_by_one(shop, bulk, customers)
    left_alone = told(shop, forget=True)

    together = bulk.decide(customers)

    assert [answer.encode() for answer in together] == alone
    assert told(shop) == left_alone
    assert len(left_alone["decisions"]) == 41
    assert run_verify(shop).differing == []


def test_what_was_decided_before_and_a_budget_that_runs_out_count_as_they_do_one_by_one(
    make_worker: Callable[..., Worker],
) -> None:
    points = load_decision_points(Settings().decision_points)
    wheel = points["lucky_wheel"]
    assert wheel.coupon is not None
    tight = wheel.model_copy(update={"coupon": wheel.coupon.model_copy(update={"daily_budget": 300_000})})
    worker = make_worker(points={**points, "lucky_wheel": tight})
    for name in CUSTOMERS:
        worker.reader.customers[name] = stored_customer(name, recency_days=3.0)
    draw_some(worker, "lucky_wheel")
    before = told(worker)
    bulk = decider(worker, "lucky_wheel")
    alone = ask_one_by_one(worker, bulk, CUSTOMERS)
    left_alone = told(worker, forget=True)
    with worker.state.engine.begin() as connection:
        for table in TOLD:
            if before[table.name]:
                names = [column.name for column in table.columns]
                connection.execute(
                    table.insert(), [dict(zip(names, row, strict=True)) for row in before[table.name]]
                )

    together = bulk.decide(CUSTOMERS)

    assert [answer.encode() for answer in together] == alone
    assert told(worker) == left_alone
    (budget,) = left_alone["budgets"]
    assert budget[2] > 250_000  # it ran out, or nearly


def test_only_who_belongs_to_the_segment_is_decided_about(shop: Worker) -> None:
    recent = Segment.model_validate(
        {"name": "recent", "description": "", "where": {"feature": "recency_days", "less_than": 10}}
    )

    answers = decider(shop, "churn_prevention", recent).decide([*CUSTOMERS, STRANGER])

    assert [f'"customer_id":"c{number}"' in answer for number, answer in enumerate(answers)] == [True] * 10


def test_a_run_again_answers_the_same_and_decides_nothing(shop: Worker) -> None:
    bulk = decider(shop, "lucky_wheel")
    first = bulk.decide(CUSTOMERS[:25])
    shop.reader.customers["c3"] = stored_customer("c3", recency_days=300.0)

    again = bulk.decide(CUSTOMERS)

    assert again[:25] == first
    with shop.state.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(decisions)) == 40


def before_each_commit(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something else before a run commits what it decided."""

    def late(engine: Engine, connection: Connection, entries: Sequence[Entry]) -> list[Exception | None]:
        act()
        return commit_within(engine, connection, entries)

    monkeypatch.setattr("service.bulk.decider.commit_within", late)


def test_a_customer_who_gets_a_decision_meanwhile_is_decided_about_again(
    shop: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, asked = shop.state.engine, []

    def be_faster() -> None:
        if not asked:
            asked.append("c1")
            asked.append(shop.decide(customer_id="c1", journey="lucky_wheel"))

    before_each_commit(monkeypatch, be_faster)
    answers = decider(shop, "lucky_wheel").decide(CUSTOMERS)

    live = asked[1]
    mine = next(answer for answer in answers if '"customer_id":"c1"' in answer)
    assert f'"repeats":"{live["decision_id"]}"' in mine
    with engine.connect() as connection:
        drawn = select(func.count()).select_from(draws).where(draws.c.customer_id == "c1")
        assert connection.scalar(drawn) == 1
    assert len(answers) == 40
    assert run_verify(shop).differing == []


def test_another_process_that_decided_the_same_part_is_believed(
    shop: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk, asked = decider(shop, "lucky_wheel"), []

    def be_faster() -> None:
        if not asked:
            asked.append("once")
            asked.extend(decider(shop, "lucky_wheel").decide(CUSTOMERS[:7]))

    before_each_commit(monkeypatch, be_faster)
    answers = bulk.decide(CUSTOMERS)

    assert answers[:7] == asked[1:]
    assert len(answers) == 40
    assert len(told(shop)["decisions"]) == 40


def test_a_customer_whom_others_always_come_first_with_is_told(
    shop: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.decide(customer_id="c1", journey="churn_prevention")

    def be_faster() -> None:
        with shop.state.engine.begin() as other:
            other.execute(update(standings).values(version=standings.c.version + 1))

    before_each_commit(monkeypatch, be_faster)

    with pytest.raises(BusyCustomerError, match="1 customers"):
        decider(shop, "lucky_wheel").decide(["c1"])


def a_run(segment: Segment | None = None) -> Run:
    return Run(
        run_id="a",
        at=NOW,
        journey="j",
        segment=segment,
        source="online store",
        customers=25,
        part_rows=10,
        rules="r",
        versions={"snapshot": "1"},
    )


def test_an_id_is_of_the_runs_moment_and_of_nobody_else() -> None:
    run = a_run()
    other = run.model_copy(update={"run_id": "b"})

    assert run.decision_id("c1") == run.decision_id("c1")
    assert len({run.decision_id("c1"), run.decision_id("c2"), other.decision_id("c1")}) == 3
    assert int(run.decision_id("c1").replace("-", "")[:12], 16) == NOW.timestamp() * 1000


def test_a_note_comes_back_as_it_was_written(tmp_path: Path) -> None:
    from service.bulk.run import read_run, write_run

    named = Segment.model_validate(
        {
            "name": "s",
            "description": "",
            "where": {
                "all": [{"not": {"feature": "consent_sms", "is": True}}, {"top": 3, "by": "spend_365d"}]
            },
        }
    )
    run = a_run(segment=named)

    write_run(tmp_path, run)

    assert read_run(tmp_path) == run
    assert list(run.parts) == [0, 1, 2]
