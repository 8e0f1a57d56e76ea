"""What the report says of the log is what the service decided and was told."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine

from service.console.budget_course import read_course
from service.decision_point import DecisionPoint
from service.guardrails.period import period_of
from service.store.erasure import forget_customer
from tests.contract.test_decision_log import url_of
from tests.contract.test_exported_log import WHOLE, export
from tests.service.conftest import NOW, Worker, shipped, stored_customer, without_quiet_hours
from tests.service.test_outcomes import outcome, send
from training.evaluation.errors import LogError
from training.evaluation.round_labels import microseconds
from training.measures.economics import economics
from training.measures.log_facts import LogFacts, read_log_facts
from training.measures.logged_decision import Window
from training.measures.message_test import message_tests
from training.measures.report import LogTold, read_exported_log, read_log
from training.measures.response import response_by

N_CUSTOMERS = 80
BUDGET = 20_000_000
ALL_TIME = Window(begins_us=0, ends_us=microseconds(NOW + timedelta(days=30)))
Answers = list[dict]


def shared(points: dict[str, DecisionPoint]) -> dict[str, DecisionPoint]:
    """Cart abandonment with two groups beside, and the wheel with its daily budget."""
    cart = {**points["cart_abandonment"].model_dump(), "shares": {"holdout": 0.3, "random": 0.3}}
    wheel = points["lucky_wheel"].model_dump()
    wheel["coupon"] = {**wheel["coupon"], "daily_budget": BUDGET}
    told = {"cart_abandonment": cart, "lucky_wheel": wheel}
    return {name: without_quiet_hours(DecisionPoint.model_validate(fields)) for name, fields in told.items()}


def play(worker: Worker) -> Answers:
    """Everybody is decided for once or twice in each journey; a third orders, what was given is partly redeemed.

    One is forgotten afterwards; what they were sent and ordered still counts.
    """
    answers = []
    for number in range(N_CUSTOMERS):
        customer = f"c{number}"
        worker.reader.customers[customer] = stored_customer(customer, worker.clock())
        for journey in ("cart_abandonment", "lucky_wheel", "cart_abandonment")[: 2 + (number % 4 == 0)]:
            answer = worker.decide(customer_id=customer, journey=journey)
            answers.append(answer)
            told = [
                f"{kind}"
                for kind in ("delivered", "clicked")
                if answer["channel"] and number % len(kind) == 0
            ]
            if answer["channel"] and number % 10 == 1:
                told = ["undelivered"]
            if number % 3 == 0:
                told.append("purchased")
            answer["told"] = told
            for kind in told:
                money = {"value": 100_000.0, "currency": "IRT"} if kind == "purchased" else {}
                send(worker, outcome(answer["decision_id"], f"{answer['decision_id']} {kind}", kind, **money))
            if answer["coupon"] and number % 2 == 0:
                asked = {"order_id": f"o{len(answers)}", "code": answer["coupon"]["code"]}
                assert worker.client.post("/v1/coupons/redeem", json=asked).status_code == 200
                answer["told"].append("redeemed")
    worker.clock.advance(days=6)
    worker.learn()
    with worker.state.engine.begin() as connection:
        forget_customer(connection, "c4", randomness=bytes(16), now=worker.clock())
    return answers


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[Engine, Answers]]:
    """The log, once the first test made it; the tests only read it."""
    return {}


@pytest.fixture
def log(
    request: pytest.FixtureRequest, points: dict[str, DecisionPoint], kept: dict[str, tuple[Engine, Answers]]
) -> Iterator[tuple[Engine, Answers]]:
    """The log and what its decisions were answered and told."""
    if not kept:
        make_worker: Callable[..., Worker] = request.getfixturevalue("make_worker")
        worker = make_worker(points=shared(shipped().points | points))
        answers = play(worker)
        kept["log"] = worker.state.engine, answers
    yield kept["log"]
    kept["log"][0].dispose()


@pytest.fixture
def facts(log: tuple[Engine, Answers]) -> LogFacts:
    with log[0].connect() as connection:
        return read_log_facts(connection, ALL_TIME, "Asia/Tehran")


def test_costs_and_orders_of_groups_are_those_of_the_answers(
    log: tuple[Engine, Answers], facts: LogFacts
) -> None:
    customers, orders, messages, discount = Counter(), Counter(), Counter(), Counter()
    for answer in log[1]:
        key = answer["journey"], answer["group"]
        customers[key, answer["customer_id"]] = 1
        orders[key] += "purchased" in answer["told"]
        messages[key] += bool(answer["channel"]) and "undelivered" not in answer["told"]
        discount[key] += answer["coupon"]["amount"] if "redeemed" in answer["told"] else 0

    found = {
        (row.journey, row.group): row
        for row in economics(facts.groups, message_cost=100, acquisition_cost=None)
    }

    assert found.keys() == {key for key, _ in customers}
    assert ("cart_abandonment", "holdout") in found
    for key, row in found.items():
        assert row.customers == sum(each == key for each, _ in customers)
        assert (row.orders, row.messages, row.discount_cost) == (orders[key], messages[key], discount[key])
        assert row.revenue == 100_000 * orders[key]
        assert row.message_cost == 100 * messages[key]
    assert messages["cart_abandonment", "holdout"] == 0
    assert sum(discount.values()) > 0
    assert found["cart_abandonment", "decisioning"].incremental_orders is not None


def test_response_is_by_channel_what_outcomes_said(log: tuple[Engine, Answers], facts: LogFacts) -> None:
    sent = [answer for answer in log[1] if answer["channel"]]

    rows = response_by([("decisions", facts.messages)], "channel")
    by_topic = response_by([("decisions", facts.messages)], "topic")

    assert {row.by: row.sent for row in rows} == Counter(answer["channel"] for answer in sent)
    assert {row.by: row.clicked for row in by_topic} == Counter(
        answer["journey"] for answer in sent if "clicked" in answer["told"]
    )
    assert sum(row.bounced for row in rows) == sum("undelivered" in answer["told"] for answer in sent)
    hours = {
        datetime.fromisoformat(answer["send_at"]).astimezone(UTC) for answer in sent if answer["send_at"]
    }
    local = {(at + timedelta(hours=3, minutes=30)).hour for at in hours}  # everybody is in Tehran
    assert {row.by for row in response_by([("decisions", facts.messages)], "hour")} == local


def test_message_tests_are_of_delivered_messages_that_were_drawn(
    log: tuple[Engine, Answers], facts: LogFacts
) -> None:
    drawn = [
        answer for answer in log[1] if answer["message"] and {"delivered", "clicked"} & set(answer["told"])
    ]

    rows = message_tests(facts.tests)

    assert [row.journey for row in rows] == ["cart_abandonment"] * 2
    assert {row.variant: row.rounds for row in rows} == Counter(answer["message"] for answer in drawn)
    (told,) = facts.tests
    assert told.rewards.sum() == sum("clicked" in answer["told"] for answer in drawn)
    assert np.allclose(told.probabilities, 0.5)
    assert {row.verdict for row in rows} <= {"too few rounds", "no winner yet"}


def test_the_budget_of_the_day_is_what_coupons_used(log: tuple[Engine, Answers]) -> None:
    wheel = [a for a in log[1] if a["coupon"] and a["journey"] == "lucky_wheel"]
    given = [a["coupon"]["amount"] for a in wheel if "undelivered" not in a["told"]]
    redeemed = [
        a["coupon"]["amount"] for a in log[1] if "redeemed" in a["told"] and a["journey"] == "lucky_wheel"
    ]

    told: LogTold = read_log(url_of(log[0]), ALL_TIME, "Asia/Tehran")

    (row,) = told.budgets
    assert (row.journey, row.limit, row.coupons, row.used) == ("lucky_wheel", BUDGET, len(given), sum(given))
    assert (row.redeemed, row.discount) == (len(redeemed), sum(redeemed))
    assert row.used_share == pytest.approx(sum(given) / BUDGET)


def test_the_report_and_the_console_tell_the_same_of_a_budget_through_the_day(
    log: tuple[Engine, Answers],
) -> None:
    told = read_log(url_of(log[0]), ALL_TIME, "Asia/Tehran").budget_hours
    day = period_of("day", NOW, ZoneInfo("Asia/Tehran"))

    with log[0].connect() as connection:
        course = read_course(connection, "lucky_wheel", day)

    shown = [each for each in course if each.used is not None]
    assert [
        (row.begins, row.used, row.used_share, pytest.approx(row.elapsed_share), row.price) for row in told
    ] == [(each.begins, each.used, each.used_share, each.elapsed_share, each.price) for each in shown]
    assert [(row.journey, row.limit) for row in told] == [("lucky_wheel", BUDGET)]


def test_a_window_holds_only_what_was_decided_in_it(log: tuple[Engine, Answers]) -> None:
    later = Window(begins_us=microseconds(NOW + timedelta(days=1)), ends_us=ALL_TIME.ends_us)

    told = read_log(url_of(log[0]), later, "Asia/Tehran")

    assert (told.facts.n_decisions, told.facts.groups, told.facts.tests, told.budgets) == (0, {}, [], [])
    assert told.budget_hours == []
    assert told.facts.last_us is None


def test_a_database_without_a_log_is_refused(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with create_engine(url).begin() as connection:
        connection.exec_driver_sql("create table other (a integer)")

    with pytest.raises(LogError, match="cannot be read"):
        read_log(url, ALL_TIME, "Asia/Tehran")


def test_groups_that_lost_customers_are_named(log: tuple[Engine, Answers], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lossy.db'}"
    with (
        closing(sqlite3.connect(log[0].url.database)) as whole,
        closing(sqlite3.connect(tmp_path / "lossy.db")) as lossy,
    ):
        whole.backup(lossy)
        lossy.execute("delete from decisions where group_name = 'random'")
        lossy.commit()

    whole_faults, faults = (
        read_log(each, ALL_TIME, "Asia/Tehran").group_faults for each in (url_of(log[0]), url)
    )

    assert whole_faults == ()
    assert len(faults) == 1
    assert str(faults[0]).startswith("Nothing incremental holds in cart_abandonment")


def measures_of(facts: LogFacts) -> tuple[object, ...]:
    """Everything that tables are made of."""
    return (
        list(economics(facts.groups, message_cost=100, acquisition_cost=None)),
        *(list(response_by([("decisions", facts.messages)], name)) for name in ("channel", "hour", "topic")),
        list(message_tests(facts.tests)),
        (facts.n_moved, facts.n_decisions, facts.first_us, facts.last_us),
    )


def test_an_export_tells_the_same_when_its_rows_are_gone_from_the_log(
    log: tuple[Engine, Answers], tmp_path: Path
) -> None:
    var, folder, url = (
        Path(log[0].url.database).parent,
        tmp_path / "export",
        f"sqlite:///{tmp_path / 'old.db'}",
    )
    export(var, folder, (NOW + timedelta(days=7)).date())
    with (
        closing(sqlite3.connect(log[0].url.database)) as whole,
        closing(sqlite3.connect(tmp_path / "old.db")) as emptied,
    ):
        whole.backup(emptied)
        for name in ("decisions", "outcomes", "rewards", "activations"):
            emptied.execute(f"delete from {name}")
        emptied.commit()

    told, gone = (read_log(each, ALL_TIME, "Asia/Tehran") for each in (url_of(log[0]), url))
    exported = read_exported_log(folder, ALL_TIME, "Asia/Tehran")

    assert gone.facts.n_decisions == 0
    assert measures_of(exported.facts) == measures_of(told.facts)
    assert exported.group_faults == told.group_faults
    assert (exported.budgets, "holds no budgets" in str(exported.no_budgets)) == ([], True)
    later = Window(begins_us=microseconds(NOW + timedelta(days=1)), ends_us=ALL_TIME.ends_us)
    assert read_exported_log(folder, later, "Asia/Tehran").facts.n_decisions == 0


def test_a_deferred_message_counts_in_log_and_export_once_it_was_used(
    make_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    worker = make_worker()
    for customer in ("used", "unused"):
        worker.reader.customers[customer] = stored_customer(customer, worker.clock())
        asked = {"customer_id": customer, "journey": "churn_prevention", "decide": ["channel"]}
        answer = worker.decide(**asked, activate="deferred")
        if customer == "used":
            used = answer["channel"]
            path = f"/v1/decisions/{answer['decision_id']}/activate"
            assert worker.client.post(path).status_code == 200
    url = url_of(worker.state.engine)
    export(Path(worker.state.engine.url.database).parent, tmp_path / "export", WHOLE)

    for told in (
        read_log(url, ALL_TIME, "Asia/Tehran"),
        read_exported_log(tmp_path / "export", ALL_TIME, "Asia/Tehran"),
    ):
        assert told.facts.n_decisions == 2
        assert told.facts.messages.channel.tolist() == [used]


def test_an_export_of_an_earlier_release_is_refused_by_name(
    log: tuple[Engine, Answers], tmp_path: Path
) -> None:
    export(Path(log[0].url.database).parent, tmp_path / "export", (NOW + timedelta(days=7)).date())
    for file in (tmp_path / "export" / "decisions").glob("*/*.parquet"):
        pq.write_table(pq.ParquetFile(file).read().drop_columns(["activate", "channel"]), file)

    with pytest.raises(LogError, match=r"has no \['activate', 'channel'\], as those of earlier releases"):
        read_exported_log(tmp_path / "export", ALL_TIME, "Asia/Tehran")
