"""Access over HTTP: who is let in, who is not, and what each is told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest

from service.access.key_store import put_key, read_key, revoke
from service.access.scope import ENDPOINTS, OPEN, Scope
from tests.service.access.callers import bearer, give_key
from tests.service.conftest import NOW, Worker

DECIDE = {"customer_id": "c1", "journey": "lucky_wheel"}


def test_without_keys_and_issuer_everyone_may_ask(worker: Worker) -> None:
    assert worker.client.post("/v1/decide", json=DECIDE).status_code == 200
    assert worker.client.get("/metrics").status_code == 200


def test_once_a_key_exists_a_request_without_one_is_challenged(worker: Worker) -> None:
    give_key(worker, Scope.DECIDE)

    response = worker.client.post("/v1/decide", json=DECIDE)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="gardoon"'
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == 401


def test_a_key_with_the_scope_is_let_in(worker: Worker) -> None:
    text = give_key(worker, Scope.DECIDE)

    response = worker.client.post("/v1/decide", json=DECIDE, headers=bearer(text))

    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer "},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Bearer gdn_000000000000_" + "A" * 43},
        {"authorization": "Basic ???"},
        {"authorization": "Digest username=x"},
        {"authorization": "Bearer \xff\xfe"},
        {"ocp-apim-subscription-key": "nonsense"},
    ],
)
def test_what_is_no_key_is_answered_401(worker: Worker, headers: dict[str, str]) -> None:
    give_key(worker, Scope.DECIDE)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}

    response = worker.client.post("/v1/decide", json=DECIDE, headers=raw)

    assert response.status_code == 401, response.text


def test_segments_and_personalizers_clients_send_the_key_their_own_way(worker: Worker) -> None:
    text = give_key(worker, Scope.DECIDE)
    basic = base64.b64encode(f"{text}:".encode()).decode()

    for headers in ({"authorization": f"Basic {basic}"}, {"Ocp-Apim-Subscription-Key": str(text)}):
        assert worker.client.post("/v1/decide", json=DECIDE, headers=headers).status_code == 200


def test_a_key_without_the_scope_is_told_which_is_wanted(worker: Worker) -> None:
    text = give_key(worker, Scope.OUTCOMES, Scope.ADMIN)

    response = worker.client.post("/v1/decide", json=DECIDE, headers=bearer(text))

    assert response.status_code == 403
    assert "needs the scope decide; " in response.json()["detail"]
    assert 'scope="decide"' in response.headers["www-authenticate"]


def test_health_and_documentation_stay_open_and_metrics_do_not(worker: Worker) -> None:
    reader = give_key(worker, Scope.READ)

    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert worker.client.get(path).status_code == 200, path
    assert worker.client.get("/metrics").status_code == 401
    assert worker.client.get("/metrics", headers=bearer(reader)).status_code == 200


def test_who_is_not_let_in_is_answered_before_the_body_is_read(worker: Worker) -> None:
    give_key(worker, Scope.DECIDE)

    refused = [
        worker.client.post("/v1/decide", content=b"{" * 100),
        worker.client.post("/v1/decide", content=b" " * 300_000),
    ]

    assert [response.status_code for response in refused] == [401, 401]


def test_no_way_to_write_a_path_or_method_gets_past_the_guard(worker: Worker) -> None:
    give_key(worker, Scope.DECIDE)
    closed = [endpoint.split(" ") for endpoint, scope in ENDPOINTS.items() if scope is not OPEN]
    ways: tuple[Callable[[str], str], ...] = (
        str,
        str.upper,
        lambda path: f"{path}/",
        lambda path: f"/{path}",
        lambda path: f"/.{path}",
        lambda path: f"/healthz/..{path}",
        lambda path: f"{path}%00",
        lambda path: f"{path}%0a",
        lambda path: f"{path};/healthz",
        lambda path: f"{path}?/healthz",
        lambda path: f"{path}%2f..%2f..%2fhealthz",
        lambda path: path.replace("v1", "%761"),
        lambda path: path.replace("/", "%2f").replace("%2f", "/", 1),
    )

    for method, path in closed:
        for way in ways:
            for asked in (method, method.lower(), "HEAD", "OPTIONS", "PUT"):
                answer = worker.client.request(asked, f"http://testserver{way(path)}", follow_redirects=False)
                to_login = answer.headers.get("location", "").startswith("/console/login?next=")
                refused = (303,) if to_login else (401, 404, 405)
                assert answer.status_code in refused, (asked, way(path), answer.status_code)


def test_unknown_paths_and_methods_are_told_apart(worker: Worker) -> None:
    give_key(worker, Scope.DECIDE)

    assert worker.client.get("/v2/decide").status_code == 404
    wrong = worker.client.get("/v1/decide")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


def test_revoking_the_last_key_does_not_open_the_service(worker: Worker) -> None:
    text = give_key(worker, Scope.DECIDE)
    with worker.state.engine.begin() as connection:
        put_key(connection, revoke(read_key(connection, text.key_id), NOW))
    worker.state.access.refresh()

    assert worker.client.post("/v1/decide", json=DECIDE).status_code == 401
    refused = worker.client.post("/v1/decide", json=DECIDE, headers=bearer(text))
    assert (refused.status_code, refused.json()["detail"]) == (401, "the API key was revoked")


def test_an_expired_key_is_refused(worker: Worker) -> None:
    text = give_key(worker, Scope.DECIDE, expires_at=NOW + timedelta(hours=1))
    assert worker.client.post("/v1/decide", json=DECIDE, headers=bearer(text)).status_code == 200

    worker.clock.advance(hours=1)

    assert worker.client.post("/v1/decide", json=DECIDE, headers=bearer(text)).status_code == 401


def test_a_caller_above_its_limit_is_told_when_to_ask_again(worker: Worker) -> None:
    slow, fast = give_key(worker, Scope.READ, rate_limit="3/minute"), give_key(worker, Scope.READ)

    answers = [worker.client.get("/metrics", headers=bearer(slow)) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"caller";q=3;w=60'
    assert refused.headers["ratelimit"] == f'"caller";r=0;t={refused.headers["retry-after"]}'
    assert refused.json()["title"] == "Too many requests"
    assert worker.client.get("/metrics", headers=bearer(fast)).status_code == 200


def test_refusals_are_counted_by_status(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)
    for headers in ({}, {}, bearer(text)):
        worker.client.post("/v1/decide", json=DECIDE, headers=headers)

    shown = worker.client.get("/metrics", headers=bearer(text)).text

    assert 'gardoon_refused_total{status="401"} 2.0' in shown
    assert 'gardoon_refused_total{status="403"} 1.0' in shown


def test_the_openapi_document_tells_scopes_and_refusals(worker: Worker) -> None:
    document = worker.client.get("/openapi.json").json()

    decide = document["paths"]["/v1/decide"]["post"]
    assert decide["security"] == [{"bearer": ["decide"]}]
    assert {"401", "403", "429"} <= decide["responses"].keys()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert "security" not in document["paths"]["/healthz"]["get"]


def test_a_worker_without_champions_still_asks_who_is_there(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(champions=False)
    text = give_key(worker, Scope.DECIDE)

    assert worker.client.post("/v1/decide", json=DECIDE).status_code == 401
    assert worker.client.post("/v1/decide", json=DECIDE, headers=bearer(text)).status_code == 503
