"""Re-enactment: every logged decision comes out again to the byte, and an altered one is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select, update

from features.schema import parse_schema
from models.packing import unpack
from service.coupons.key import CouponKey
from service.model_set import name_versions
from service.store.artifact_store import get_artifact
from service.store.tables import artifacts, decisions
from service.verify import Reenactor, Verification, verify
from tests.service.conftest import KEY, NOW, Worker, build_fake_models, stored_customer
from tests.service.test_outcomes import outcome, send


def run_verify(worker: Worker, find: Callable[[str], CouponKey | None] = lambda _: KEY) -> Verification:
    """The result of a re-enactment that finds coupon keys like this."""
    engine = worker.state.engine
    build = partial(build_fake_models, engine=engine)
    load = partial(get_artifact, engine)
    return verify(engine, Reenactor(load=load, build=build, find_coupon_key=find))


def decide_some(worker: Worker) -> None:
    worker.reader.customers["c2"] = stored_customer("c2", recency_days=40.0, time_zone="Europe/Berlin")
    for number in range(12):
        customer = ("c1", "c2", "stranger")[number % 3]
        journey = ("lucky_wheel", "cart_abandonment", "churn_prevention")[number % 3]
        answer = worker.decide(
            customer_id=customer, journey=journey, explain="scores", context={"basket": 3.5}
        )
        if number % 4 == 0:
            send(worker, outcome(answer["decision_id"], f"e{number}"))
            worker.learn()
        worker.clock.advance(minutes=37)


def test_every_logged_decision_comes_out_again_to_the_byte(worker: Worker) -> None:
    decide_some(worker)

    result = run_verify(worker)

    assert result.reenacted == 12
    assert result.differing == []


def test_an_altered_answer_is_found_and_named(worker: Worker) -> None:
    decide_some(worker)
    with worker.state.engine.begin() as connection:
        row = connection.execute(select(decisions)).mappings().first()
        assert row is not None
        record = json.loads(unpack(row["record"]))
        record["answer"] = record["answer"].replace('"journey":"', '"journey":"x')
        altered = update(decisions).where(decisions.c.decision_id == row["decision_id"])
        connection.execute(altered.values(record=json.dumps(record).encode()))

    result = run_verify(worker)

    assert [decision_id for decision_id, _ in result.differing] == [row["decision_id"]]
    assert "answer" in result.differing[0][1]


def test_a_missing_or_altered_artifact_is_reported_not_passed_over(worker: Worker) -> None:
    answer = worker.decide(customer_id="c1")
    with worker.state.engine.begin() as connection:
        digest = answer["versions"]["coupon_policy"]
        connection.execute(artifacts.delete().where(artifacts.c.digest == digest))

    result = run_verify(worker)

    assert len(result.differing) == 1
    assert digest in result.differing[0][1]


def test_a_schema_declared_otherwise_since_then_changes_nothing(worker: Worker) -> None:
    worker.decide(customer_id="c1")
    text = worker.state.schema.text
    heading, new = "[views.rfm.features]", 'new = { type = "float", default = 0.0, about = "new" }'
    later = parse_schema(text.replace(heading, f"{heading}\n{new}"))

    version = name_versions(worker.state.feed.current.versions, later)["features"]
    result = run_verify(worker)

    assert len(later.columns) == len(worker.state.schema.columns) + 1
    assert version != worker.state.feed.current.versions["features"]
    assert (result.reenacted, result.differing) == (1, [])


def test_a_record_whose_schema_is_gone_is_reported(worker: Worker) -> None:
    answer = worker.decide(customer_id="c1")
    digest = answer["versions"]["features"]
    with worker.state.engine.begin() as connection:
        connection.execute(artifacts.delete().where(artifacts.c.digest == digest))

    result = run_verify(worker)

    assert digest in result.differing[0][1]


@pytest.mark.parametrize(
    ("key", "difference"), [(CouponKey(bytes(32), NOW), "coupon_key"), (None, f"coupon key {KEY.key_id}")]
)
def test_a_coupon_key_that_is_another_or_gone_is_found(
    worker: Worker, key: CouponKey | None, difference: str
) -> None:
    answer = worker.decide(customer_id="c1", eligible={"coupon": ["30000"]})

    result = run_verify(worker, lambda _: key)

    assert answer["coupon"]
    assert answer["versions"]["coupon_key"] == KEY.key_id
    assert [decision_id for decision_id, _ in result.differing] == [answer["decision_id"]]
    assert difference in result.differing[0][1]
