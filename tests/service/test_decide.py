"""`POST /v1/decide` over HTTP: what it answers, what it refuses, and what it logged before answering."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from features.online import OnlineStoreError
from features.stored import StoredFeatures
from models.packing import unpack
from service.decision_point import DecisionPoint
from service.store.tables import decisions
from tests.running import wait_for
from tests.service.conftest import Worker, stored_customer


def test_a_decision_names_choices_propensities_scores_and_versions(worker: Worker) -> None:
    answer = worker.decide(customer_id="c1", explain="scores", excluded={"coupon": ["none"]})

    assert answer["status"] == "act"
    assert answer["channel"] in ("email", "sms", "app_push", "web_push")
    propensity = answer["propensity"]
    assert propensity["joint"] == pytest.approx(
        propensity["channel"] * propensity["send_time"] * propensity["coupon"]
    )
    assert set(answer["versions"]) >= {
        "purchase_propensity",
        "coupon_policy",
        "snapshot",
        "features",
        "journey",
    }
    for probabilities in answer["probabilities"].values():
        assert sum(probabilities.values()) == pytest.approx(1.0)
    assert answer["scores"]["currency"] == "IRT"
    assert answer["degraded"] == []


def test_the_answer_is_in_the_log_to_the_byte(worker: Worker) -> None:
    response = worker.client.post("/v1/decide", json={"customer_id": "c1", "journey": "lucky_wheel"})

    with worker.state.engine.connect() as connection:
        rows = connection.execute(select(decisions)).mappings().all()
    assert len(rows) == 1
    assert json.loads(unpack(rows[0]["record"]))["answer"].encode() == response.content


def test_a_dry_run_gives_no_code_and_logs_nothing(worker: Worker) -> None:
    answers = [worker.decide(customer_id="c1", dry_run=True) for _ in range(20)]

    coupons = [answer["coupon"] for answer in answers if answer["coupon"]]
    assert coupons
    assert all(coupon["code"] is None for coupon in coupons)
    with worker.state.engine.connect() as connection:
        assert connection.execute(select(decisions)).first() is None


def test_an_unknown_customer_is_decided_from_defaults_and_marked(worker: Worker) -> None:
    answer = worker.decide(customer_id="nobody", decide=["coupon"])

    assert answer["status"] in ("act", "hold")
    assert answer["degraded"] == [f"{view.name}:missing" for view in worker.state.schema.views]


def test_an_unknown_customer_gets_no_message_because_consent_is_unknown(worker: Worker) -> None:
    answer = worker.decide(customer_id="nobody")

    assert answer["status"] == "suppressed"
    assert answer["channel"] is None
    assert answer["coupon"] is None
    assert answer["reasons"][0]["rule"] == "consent"


def test_features_that_are_too_old_are_named_stale(worker: Worker) -> None:
    worker.reader.customers["old"] = stored_customer("old", at=worker.clock() - timedelta(days=60))

    answer = worker.decide(customer_id="old", decide=["coupon"])

    assert answer["degraded"] == ["rfm:stale", "funnel:stale", "engagement:stale", "topics:stale"]


def test_only_channels_with_consent_and_reach_are_chosen(worker: Worker) -> None:
    worker.reader.customers["c2"] = stored_customer(
        "c2", consent_email=False, consent_app_push=False, reachable_web_push=False
    )

    answers = [worker.decide(customer_id="c2", explain="scores") for _ in range(10)]

    assert {answer["channel"] for answer in answers} <= {"sms", None}
    assert set(answers[0]["probabilities"]["channel"]) == {"sms"}
    assert answers[0]["propensity"]["channel"] == 1.0
    assert {reason["rule"] for reason in answers[0]["reasons"]} >= {"consent", "reachability"}


def test_nothing_is_sent_in_quiet_hours_or_after_the_code_died(worker: Worker) -> None:
    answers = [worker.decide(customer_id="c1", excluded={"coupon": ["none"]}) for _ in range(60)]
    sent = [datetime.fromisoformat(str(answer["send_at"])) for answer in answers]

    local = [moment + timedelta(hours=3, minutes=30) for moment in sent]
    assert all(13 <= moment.hour < 22 for moment in local)
    assert all(moment.day == 22 for moment in local)


@pytest.mark.parametrize("name", ["Atlantis/Capital", "America", "../Tehran", "x" * 300])
def test_a_stored_zone_that_is_none_is_named_and_the_shops_stands_in(worker: Worker, name: str) -> None:
    worker.reader.customers["lost"] = stored_customer("lost", time_zone=name)

    answer = worker.decide(customer_id="lost", decide=["coupon"], eligible={"coupon": ["20000"]})

    assert answer["reasons"][0]["rule"] == "time_zone"
    assert name in answer["reasons"][0]["detail"]
    assert answer["coupon"]["expires_at"] == "2026-11-22T20:30:00Z"


def test_a_wheel_code_dies_at_local_midnight(worker: Worker) -> None:
    answers = [worker.decide(customer_id="c1") for _ in range(20)]

    expiries = {answer["coupon"]["expires_at"] for answer in answers if answer["coupon"]}
    assert expiries == {"2026-11-22T20:30:00Z"}


def test_a_coupon_that_is_not_decided_limits_no_send_time(worker: Worker) -> None:
    worker.clock.advance(hours=10, minutes=40)  # 23:40 in Tehran

    answer = worker.decide(
        customer_id="c1", decide=["channel", "send_time"], deadline_at="2026-11-23T09:00:00Z"
    )

    assert answer["status"] == "act"


def test_a_deadline_that_has_passed_suppresses_with_its_reason(worker: Worker) -> None:
    answer = worker.decide(customer_id="c1", deadline_at="2026-11-22T09:00:00Z")

    assert answer["status"] == "suppressed"
    assert "deadline" in {reason["rule"] for reason in answer["reasons"]}


def test_the_request_narrows_the_eligible_actions(worker: Worker) -> None:
    answer = worker.decide(
        customer_id="c1",
        eligible={"coupon": ["20000", "30000"]},
        excluded={"channel": ["sms", "email", "web_push"]},
        explain="scores",
    )

    assert set(answer["probabilities"]["coupon"]) == {"20000", "30000"}
    assert answer["channel"] == "app_push"


@pytest.mark.parametrize(("journey", "status"), [("lucky_wheel", "hold"), ("churn_prevention", "act")])
def test_no_coupon_holds_only_where_the_coupon_is_all_there_is_to_say(
    worker: Worker, journey: str, status: str
) -> None:
    answer = worker.decide(customer_id="c1", journey=journey, eligible={"coupon": ["none"]})

    assert answer["status"] == status
    assert answer["coupon"] is None
    assert (answer["channel"] is None) == (status == "hold")


def test_journeys_without_coupons_give_none(worker: Worker) -> None:
    answer = worker.decide(customer_id="c1", journey="cart_abandonment")

    assert answer["status"] == "act"
    assert answer["coupon"] is None
    assert answer["message"] in ("reminder", "benefit")


def test_a_holdout_customer_gets_nothing_and_is_logged(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    held = {"shares": {"holdout": 0.99}}
    wheel = DecisionPoint.model_validate({**points["lucky_wheel"].model_dump(), **held})
    worker = make_worker(points={"lucky_wheel": wheel})
    worker.reader.customers["c1"] = stored_customer("c1")

    answer = worker.decide(customer_id="c1")

    assert answer["status"] == answer["group"] == "holdout"
    assert answer["coupon"] is None
    assert answer["channel"] is None
    with worker.state.engine.connect() as connection:
        assert connection.execute(select(decisions.c.status)).scalar() == "holdout"


def test_the_random_group_chooses_evenly_among_eligible_actions(
    make_worker: Callable[..., Worker], points: dict[str, DecisionPoint]
) -> None:
    mixed = {"shares": {"random": 0.99}}
    wheel = DecisionPoint.model_validate({**points["lucky_wheel"].model_dump(), **mixed})
    worker = make_worker(points={"lucky_wheel": wheel})
    worker.reader.customers["c1"] = stored_customer("c1")

    answer = worker.decide(customer_id="c1", explain="scores")

    assert answer["group"] == "random"
    assert set(answer["probabilities"]["channel"].values()) == {0.25}


BAD_REQUESTS = {
    "an unknown journey": ({"customer_id": "c1", "journey": "lucky_weel"}, 404, "lucky_wheel"),
    "an unknown field": ({"customer_id": "c1", "journey": "lucky_wheel", "chanel": 1}, 422, "chanel"),
    "a wrong type": ({"customer_id": 7, "journey": "lucky_wheel"}, 422, "customer_id"),
    "an empty customer": ({"customer_id": "", "journey": "lucky_wheel"}, 422, "customer_id"),
    "a control character": ({"customer_id": "a\u0000b", "journey": "lucky_wheel"}, 422, "customer_id"),
    "a missing customer": ({"journey": "lucky_wheel"}, 422, "customer_id"),
    "an unknown decision": (
        {"customer_id": "c1", "journey": "lucky_wheel", "decide": ["colour"]},
        422,
        "decide",
    ),
    "a decision not of the journey": (
        {"customer_id": "c1", "journey": "cross_sell", "decide": ["coupon"]},
        422,
        "cross_sell",
    ),
    "an unknown action": (
        {"customer_id": "c1", "journey": "lucky_wheel", "eligible": {"coupon": ["25000"]}},
        422,
        "25000",
    ),
    "a limit on what is not decided": (
        {"customer_id": "c1", "journey": "cross_sell", "excluded": {"message": ["reminder"]}},
        422,
        "message",
    ),
    "a time without a zone": (
        {"customer_id": "c1", "journey": "lucky_wheel", "deadline_at": "2026-11-22T10:00:00"},
        422,
        "deadline_at",
    ),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_bad_input_gets_a_problem_document_naming_it(worker: Worker, case: str) -> None:
    body, status, named = BAD_REQUESTS[case]

    response = worker.client.post("/v1/decide", json=body)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert named in response.json()["detail"]


@pytest.mark.parametrize(
    "content",
    [
        '{"customer_id": "c1", "journey": "lucky_wheel", "context": {"basket": NaN}}',
        '{"customer_id": "c1", "journey": "lucky_wheel", "context": {"basket": 1e999}}',
        '{"customer_id": "\\ud800", "journey": "lucky_wheel"}',
        "{",
        "[]",
        "",
        "\xff\xfe",
        "s\xe9E9",
    ],
)
def test_what_is_no_proper_json_is_refused_with_422(worker: Worker, content: str) -> None:
    response = worker.client.post(
        "/v1/decide", content=content.encode("latin-1"), headers={"content-type": "application/json"}
    )

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_of_a_megabyte_is_refused_whether_its_length_is_declared_or_not(worker: Worker) -> None:
    body = b'{"customer_id": "' + b"x" * 1_000_000 + b'"}'

    declared = worker.client.post("/v1/decide", content=body)
    streamed = worker.client.post(
        "/v1/decide", content=(body[i : i + 1000] for i in range(0, len(body), 1000))
    )

    assert declared.status_code == 413
    assert streamed.status_code == 413


def test_before_champions_are_published_the_service_says_it_is_not_ready(
    make_worker: Callable[..., Worker],
) -> None:
    worker = make_worker(champions=False)

    decided = worker.client.post("/v1/decide", json={"customer_id": "c1", "journey": "lucky_wheel"})
    ready = worker.client.get("/readyz")

    assert decided.status_code == ready.status_code == 503
    assert decided.headers["retry-after"] == "2"
    assert worker.client.get("/healthz").status_code == 200


def test_when_the_log_cannot_be_written_nothing_is_decided(worker: Worker) -> None:
    with worker.state.engine.begin() as connection:
        decisions.drop(connection)

    response = worker.client.post("/v1/decide", json={"customer_id": "c1", "journey": "lucky_wheel"})

    assert response.status_code == 503
    assert "coupon" not in response.json()
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/v1/decide", "/v1/score"])
def test_while_the_online_store_is_away_defaults_stand_in_and_are_named(worker: Worker, path: str) -> None:
    read, asked = worker.reader.read, []

    def fail(customer_id: str) -> StoredFeatures:
        asked.append(customer_id)
        raise OnlineStoreError("away")

    worker.reader.read = fail  # type: ignore[method-assign]
    body = {"customer_id": "c1"} | ({"journey": "cart_abandonment"} if path == "/v1/decide" else {})
    answers = [worker.client.post(path, json=body) for _ in range(3)]
    gauge = metric(worker, "gardoon_online_store_up")
    worker.reader.read = read  # type: ignore[method-assign]
    wait_for(lambda: metric(worker, "gardoon_online_store_up") == 1, seconds=10, what="the store")
    again = worker.client.post(path, json=body)

    every_view = [f"{view.name}:missing" for view in worker.state.schema.views]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["degraded"] for answer in answers] == [every_view] * 3
    assert asked.count("c1") == 1, "only the first request may wait for a store that is away"
    assert gauge == 0
    assert again.json()["degraded"] == []


def test_while_consent_is_unknown_no_message_is_decided(worker: Worker) -> None:
    def fail(_customer_id: str) -> StoredFeatures:
        raise OnlineStoreError("away")

    worker.reader.read = fail  # type: ignore[method-assign]

    answer = worker.decide(customer_id="c1", journey="cart_abandonment")

    assert answer["status"] == "suppressed"
    assert answer["channel"] is None
    assert answer["coupon"] is None
    assert {"consent", "reachability"} & {reason["rule"] for reason in answer["reasons"]}


def metric(worker: Worker, name: str) -> float | None:
    return worker.state.metrics.registry.get_sample_value(name)


def test_outcomes_that_cannot_be_logged_are_a_503(worker: Worker) -> None:
    known = worker.decide(customer_id="c1")["decision_id"]
    with worker.state.engine.begin() as connection:
        decisions.drop(connection)
    fact = {"event_id": "e", "decision_id": known, "kind": "clicked", "occurred_at": "2026-11-22T10:00:00Z"}

    response = worker.client.post("/v1/outcomes", json={"outcomes": [fact]})

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"


def test_frequencies_of_choices_match_the_stated_propensities(worker: Worker) -> None:
    """Each of the channels' 400 choices; a chi-square above 16.27 (3 degrees of freedom) has probability 0.001."""
    answers = [
        worker.decide(customer_id="c1", decide=["channel"], explain="scores", dry_run=True)
        for _ in range(400)
    ]

    stated = answers[0]["probabilities"]["channel"]
    counts = {channel: sum(answer["channel"] == channel for answer in answers) for channel in stated}
    chi_square = sum((counts[name] - 400 * p) ** 2 / (400 * p) for name, p in stated.items())
    assert chi_square < 16.27
