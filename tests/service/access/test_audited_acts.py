"""Every act of an operator is in the audit log, whichever command or endpoint it comes by, and none names a customer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from typer.main import get_command
from typer.testing import CliRunner

from features.online import online_table
from features.schema import load_schema
from models.artifact import Artifact
from models.inputs import SCORES
from service.access.audit import Act, AuditEntry, on_record, operator, read_acts
from service.access.scope import ENDPOINTS, Scope
from service.cli import app
from service.learner import Learner
from service.point_files import load_decision_points
from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import audit_log
from tests.service.access.callers import give_key
from tests.service.conftest import Worker, publish_champions, starting_policies

CUSTOMER = "needle-4711@example.com"
ACTS: dict[str, tuple[Act, Callable[[], list[str]]]] = {
    "keys create": (Act.KEY_CREATED, lambda: ["shop", "--scopes", "decide"]),
    "keys rotate": (Act.KEY_ROTATED, lambda: [new_key()]),
    "keys revoke": (Act.KEY_REVOKED, lambda: [new_key()]),
    "coupon-keys rotate": (Act.COUPON_KEY_ADDED, list),
    "coupon-keys revoke": (Act.COUPON_KEY_REVOKED, lambda: [new_coupon_key()]),
    "events import": (Act.EVENTS_IMPORTED, lambda: [str(new_history())]),
    "events retake": (Act.EVENTS_RETAKEN, list),
    "migrate": (Act.LOG_MIGRATED, list),
    "retain": (Act.LOG_RETAINED, lambda: ["--older-than", "400d"]),
    "decide-batch": (Act.SEGMENT_DECIDED, lambda: batch_of_nobody()),
    "export-log": (Act.LOG_EXPORTED, lambda: ["--out", str(Settings().var / "exports")]),
    "export": (Act.CUSTOMER_EXPORTED, lambda: [CUSTOMER]),
    "forget": (Act.CUSTOMER_ERASED, lambda: [CUSTOMER, "--yes"]),
}
"""What an operator does, by command, with what it is called with."""
LOGINS = {Act.LOGGED_IN, Act.LOGIN_REFUSED, Act.LOGGED_OUT}
"""Of the console's pages: tests/service/console/test_login_record.py."""
NO_ACTS = {
    "keys list": "shows keys without their secrets",
    "coupon-keys list": "shows keys without their secrets",
    "coupon-keys public": "prints what GET /v1/coupons/keys tells everybody",
    "events aside": "shows what was kept aside without what was said",
    "events plan": "shows the tracking plan",
    "audit": "shows this log",
    "check": "reads decision points",
    "verify": "compares decisions with themselves",
    "serve": "answers; what it is asked to do is on record where it is an act",
    "learn": "learns",
    "refresh": "computes features of what was told",
    "run": "answers, learns and refreshes",
}
"""Every other command, with why it is none."""


def commands(command: Any, name: str = "") -> Iterator[str]:
    """The full names of all commands."""
    if hasattr(command, "commands"):
        for part, inner in command.commands.items():
            yield from commands(inner, f"{name} {part}".strip())
    else:
        yield name


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout


def new_key() -> str:
    return call("keys", "create", "shop", "--scopes", "decide").split("_")[1]


def new_history() -> Path:
    path = Settings().var / "history.ndjson"
    path.write_text("", encoding="utf-8")
    return path


def new_coupon_key() -> str:
    call("coupon-keys", "rotate")
    return call("coupon-keys", "rotate").split()[0]


def batch_of_nobody() -> list[str]:
    """A run on an empty online store, champions being there."""
    settings, now = Settings(), datetime.now(UTC)
    engine = open_log(settings.log_url)
    scorers = {name: Artifact({"kind": "scorer", "name": name}) for name in SCORES}
    publish_champions(engine, {**scorers, **starting_policies()}, now)
    Learner(engine, load_decision_points(settings.decision_points)).step(now)
    engine.dispose()
    return ["--journey", "lucky_wheel", "--segment", "regulars", "--out", str(settings.var / "run")]


def acts(engine: Engine) -> list[AuditEntry]:
    """The entries, the oldest first."""
    with engine.connect() as connection:
        return read_acts(connection, limit=100)[::-1]


@pytest.fixture
def operated(log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The log and the online store of a shop that a command finds."""
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    path = Settings().online_path
    path.parent.mkdir(parents=True)
    columns = "entity_key BLOB, feature_name TEXT, value BLOB, event_ts INTEGER"
    with closing(sqlite3.connect(path)) as store, store:
        for view in load_schema().views:
            store.execute(f"CREATE TABLE {online_table(view.name)} ({columns})")
    engine = open_log(log_url)
    yield engine
    engine.dispose()


def test_every_command_is_known_to_be_an_act_or_none() -> None:
    found = set(commands(get_command(app)))

    assert found == ACTS.keys() | NO_ACTS.keys(), "say what a new command does, and record it if it is an act"
    assert {act for act, _ in ACTS.values()} | {Act.DECISION_FORCED} | LOGINS == set(Act)


def test_no_endpoint_is_an_act_of_its_own() -> None:
    """What needs the scope admin is a forced decision alone, below."""
    assert [endpoint for endpoint, scope in ENDPOINTS.items() if scope is Scope.ADMIN] == [], "record it"


@pytest.mark.parametrize("command", ACTS)
def test_an_act_is_on_record_with_who_did_it_and_how_it_ended(operated: Engine, command: str) -> None:
    act, arguments = ACTS[command]
    given = arguments()
    before = len(acts(operated))

    result = CliRunner().invoke(app, [*command.split(), *given])

    assert result.exit_code == (2 if command == "forget" else 0), (
        result.output
    )  # nothing is held of the customer
    entries = acts(operated)[before:]
    assert {entry.act for entry in entries} == {act}
    assert {entry.actor for entry in entries} == {operator()}
    assert all(entry.subject for entry in entries)
    if "outcome" in entries[0].detail:
        assert [entry.detail["outcome"] for entry in entries] == ["begun", "done"]
    with operated.connect() as connection:
        assert CUSTOMER not in repr(connection.execute(select(audit_log)).all())


def test_an_act_that_fails_is_on_record_as_failed(operated: Engine) -> None:
    entry = AuditEntry(at=datetime.now(UTC), actor="o@h", act=Act.LOG_EXPORTED, subject="log")

    def fail(detail: dict[str, str | int]) -> None:
        detail["days"] = 1
        raise ValueError(CUSTOMER)

    with pytest.raises(ValueError, match=CUSTOMER), on_record(operated, entry) as detail:
        fail(detail)

    begun, ended = acts(operated)
    assert begun.detail == {"outcome": "begun"}
    assert ended.detail == {"days": 1, "outcome": "failed: ValueError"}


def test_a_dry_run_of_retention_is_no_act(operated: Engine) -> None:
    call("retain", "--older-than", "400d", "--dry-run")

    assert acts(operated) == []


@pytest.mark.parametrize("path", ["/v1/decide", "/v1/decide/batch"])
def test_a_forced_decision_is_on_record_with_the_caller_who_forced_it(worker: Worker, path: str) -> None:
    key = give_key(worker, Scope.DECIDE, Scope.ADMIN)
    asked = {"customer_id": CUSTOMER, "journey": "lucky_wheel", "force": {"coupon": "30000"}}
    headers = {"Authorization": f"Bearer {key}"}

    answer = worker.client.post(path, json=[asked] if "batch" in path else asked, headers=headers).json()

    decided = answer["answer"] if "batch" in path else answer
    begun, done = acts(worker.state.engine)
    assert {begun.act, done.act} == {Act.DECISION_FORCED}
    assert {begun.actor, done.actor} == {f"key:{key.key_id}"}
    assert (begun.subject, begun.detail["outcome"]) == ("journey:lucky_wheel", "begun")
    assert done.subject == f"decision:{decided['decision_id']}"
    assert done.detail == {"forced": "coupon=30000", "status": decided["status"], "outcome": "done"}
    assert CUSTOMER not in repr((begun, done))


def test_what_is_forced_in_vain_is_on_record_and_what_is_not_forced_is_not(worker: Worker) -> None:
    asked = {"customer_id": CUSTOMER, "journey": "lucky_wheel"}
    force = {"force": {"coupon": CUSTOMER}}

    plain = worker.client.post("/v1/decide", json=asked)
    dry = worker.client.post("/v1/decide", json={**asked, "force": {"coupon": "30000"}, "dry_run": True})
    elsewhere = worker.client.post("/v1/decide", json={**asked, **force, "journey": CUSTOMER})
    refused = worker.client.post("/v1/decide", json={**asked, **force})

    assert [each.status_code for each in (plain, dry, elsewhere, refused)] == [200, 200, 404, 422]
    entries = acts(worker.state.engine)
    assert [entry.detail["outcome"] for entry in entries] == ["begun", "failed: UnusableRequestError"]
    assert {entry.actor for entry in entries} == {"anyone"}
    assert CUSTOMER not in repr(entries)
