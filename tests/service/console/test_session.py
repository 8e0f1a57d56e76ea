"""Logging in to the console: who is let in, what the cookie is, and what ends a session."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from httpx2 import Response

from service.access.key_store import put_key, read_key, revoke
from service.access.scope import Scope
from service.access.session import COOKIE
from tests.service.access.callers import bearer, give_key
from tests.service.conftest import NOW, Worker


def form_token(page: Response) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def log_in(worker: Worker, credential: object, wanted: str = "/console/decisions") -> Response:
    page = worker.client.get("/console/login", params={"next": wanted})
    fields = {"form_token": form_token(page), "next": wanted, "credential": str(credential)}
    answer: Response = worker.client.post("/console/login", data=fields, follow_redirects=False)
    return answer


def test_an_open_service_has_no_login_wall(worker: Worker) -> None:
    assert "<h1>Decisions</h1>" in worker.client.get("/console").text
    assert worker.client.get("/console/login", follow_redirects=False).status_code == 303


def test_who_has_not_logged_in_is_sent_to_the_login_and_from_there_to_the_page(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)

    refused = worker.client.get("/console/customer", follow_redirects=False)
    answer = log_in(worker, text, "/console/customer")

    assert (refused.status_code, refused.headers["location"]) == (
        303,
        "/console/login?next=/console/customer",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/customer")
    assert "<h1>Customer</h1>" in worker.client.get("/console/customer").text


def test_the_session_is_kept_from_scripts_and_other_sites_and_does_not_hold_the_key(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)

    cookie = log_in(worker, text).headers["set-cookie"]

    assert {"HttpOnly", "SameSite=strict", "Path=/console", "Max-Age=28800"} <= set(cookie.split("; "))
    assert str(text) not in cookie
    assert text.key_id not in cookie


def test_a_wrong_key_gets_the_form_again_with_the_reason(worker: Worker) -> None:
    give_key(worker, Scope.READ)

    answer = log_in(worker, "gdn_000000000000_" + "A" * 43)

    assert answer.status_code == 401
    assert "the API key is unknown or its secret is wrong" in answer.text
    assert COOKIE not in answer.cookies


def test_a_page_names_the_scope_that_is_missing(worker: Worker) -> None:
    log_in(worker, give_key(worker, Scope.OUTCOMES))

    answer = worker.client.get("/console/decisions")

    assert answer.status_code == 403
    assert "needs the scope read" in answer.text


def test_trying_a_decision_needs_the_scope_to_decide(worker: Worker) -> None:
    asked = {"id": "c1", "journey": "lucky_wheel"}
    log_in(worker, give_key(worker, Scope.READ))
    reader = worker.client.get("/console/customer", params=asked)
    log_in(worker, give_key(worker, Scope.READ, Scope.DECIDE))
    decider = worker.client.get("/console/customer", params=asked)

    assert "Timeline" in reader.text
    assert "What would be decided now" not in reader.text
    assert "What would flip it" in decider.text


@pytest.mark.parametrize("form", [{}, {"form_token": "guessed"}])
@pytest.mark.parametrize("path", ["/console/login", "/console/logout"])
def test_a_form_that_was_not_made_here_is_refused(worker: Worker, path: str, form: dict[str, str]) -> None:
    text = give_key(worker, Scope.READ)
    worker.client.get("/console/login")

    answer = worker.client.post(path, data={**form, "credential": str(text)}, follow_redirects=False)

    assert answer.status_code == 403
    assert "Form not accepted" in answer.text


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example", "/v1/budgets"])
def test_the_login_leads_to_the_console_alone(worker: Worker, wanted: str) -> None:
    answer = log_in(worker, give_key(worker, Scope.READ), wanted)

    assert answer.headers["location"] == "/console"


def test_a_session_ends_with_its_key_its_time_and_the_log_out(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)
    log_in(worker, text)
    page = worker.client.get("/console/decisions")
    worker.clock.advance(hours=8)
    late = worker.client.get("/console/decisions", follow_redirects=False)
    log_in(worker, text)
    worker.client.post("/console/logout", data={"form_token": form_token(page)})
    out = worker.client.get("/console/decisions", follow_redirects=False)
    log_in(worker, text)
    with worker.state.engine.begin() as connection:
        put_key(connection, revoke(read_key(connection, text.key_id), NOW + timedelta(hours=8)))
    worker.state.access.refresh()
    revoked = worker.client.get("/console/decisions", follow_redirects=False)

    assert [each.status_code for each in (page, late, out, revoked)] == [200, 303, 303, 303]


def test_a_session_opens_the_console_and_not_the_api(worker: Worker) -> None:
    log_in(worker, give_key(worker, Scope.READ))

    assert worker.client.get("/metrics").status_code == 401


def test_an_altered_session_is_none(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)
    session = log_in(worker, text).cookies[COOKIE]
    altered = session[:-5] + ("AAAA=" if session[-5:] != "AAAA=" else "BBBB=")

    worker.client.cookies.clear()
    answer = worker.client.get(
        "/console/decisions", headers={"cookie": f"{COOKIE}={altered}"}, follow_redirects=False
    )

    assert answer.status_code == 303


def test_a_key_in_the_header_opens_the_console_too(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)

    assert worker.client.get("/console/decisions", headers=bearer(text)).status_code == 200


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(worker: Worker) -> None:
    page = worker.client.get("/console/decisions")

    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style| style=| on\w+=", page.text)
