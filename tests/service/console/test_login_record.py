"""Who came into the console and who did not is on record, without what was entered, and an address may try so often."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from starlette.requests import HTTPConnection

from service.access.address import UNKNOWN, address_of
from service.access.audit import Act, AuditEntry, read_acts
from service.access.scope import Scope
from service.store.tables import audit_log
from tests.service.access.callers import give_key
from tests.service.conftest import Worker
from tests.service.console.test_session import form_token, log_in

WRONG = "gdn_000000000000_" + "A" * 43


def entries(worker: Worker) -> list[AuditEntry]:
    """What is on record of the console, the oldest first."""
    with worker.state.engine.connect() as connection:
        return read_acts(connection, limit=100, subject="console")[::-1]


def test_a_login_and_a_logout_are_on_record_with_whose_key_it_was(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)
    log_in(worker, text)
    page = worker.client.get("/console/decisions")
    worker.client.post("/console/logout", data={"form_token": form_token(page)})

    found = entries(worker)

    assert [entry.act for entry in found] == [Act.LOGGED_IN, Act.LOGGED_OUT]
    assert {entry.actor for entry in found} == {f"key:{text.key_id}"}
    assert {entry.detail["address"] for entry in found} == {"testclient"}


def test_what_was_not_accepted_is_on_record_without_what_was_entered(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)
    altered = f"{text}"[:-1] + ("B" if f"{text}"[-1] != "B" else "C")
    for entered in (WRONG, altered, "a password typed by mistake", ""):
        log_in(worker, entered)

    assert [(entry.act, entry.actor) for entry in entries(worker)] == [
        (Act.LOGIN_REFUSED, "address:testclient")
    ] * 4
    with worker.state.engine.connect() as connection:
        kept = repr(connection.execute(select(audit_log)).all())
    assert not any(secret in kept for secret in (WRONG, altered, altered.split("_", 2)[2], "password"))


def test_who_was_not_logged_in_leaves_nothing_behind_by_logging_out(worker: Worker) -> None:
    give_key(worker, Scope.READ)
    token = form_token(worker.client.get("/console/login"))

    worker.client.post("/console/logout", data={"form_token": token})

    assert entries(worker) == []


def test_an_address_may_try_ten_times_a_minute_and_is_told_when_again(worker: Worker) -> None:
    text = give_key(worker, Scope.READ)
    answers = [log_in(worker, WRONG) for _ in range(10)]
    late = log_in(worker, text)

    assert {answer.status_code for answer in answers} == {401}
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert late.headers["ratelimit-policy"] == '"login";q=10;w=60'
    assert "That was too often" in late.text
    assert 'name="credential"' in late.text
    assert len(entries(worker)) == 10, "what is over the limit does not fill the log"


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_is_counted_with_all_that_its_holder_has(host: str, counted: str) -> None:
    assert address_of(HTTPConnection({"type": "http", "client": (host, 1)})) == counted


def test_a_connection_without_an_address_is_counted_with_the_others_of_that_kind() -> None:
    assert address_of(HTTPConnection({"type": "http", "client": None})) == UNKNOWN
