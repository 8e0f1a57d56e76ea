"""`python -m service keys ...`, `audit`, and the refusal to listen unprotected."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from service.access.audit import Act, AuditEntry, customer_subject, read_acts, record_act
from service.access.key import ApiKey, KeyText, parse_key_text
from service.access.key_store import is_protected, read_key
from service.access.scope import Scope
from service.cli import app
from service.secret_file import read_or_create_secret
from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import api_keys, audit_log

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def log_of_their_own(log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands' settings: the log of the test."""
    monkeypatch.setenv("GARDOON_VAR", str(tmp_path))
    monkeypatch.setenv("GARDOON_DATABASE_URL", log_url)
    monkeypatch.setenv("COLUMNS", "300")


def call(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result


def created(*arguments: str) -> KeyText:
    """The key that `keys create` printed, alone on standard output."""
    text = parse_key_text(call("keys", "create", *arguments).stdout.removesuffix("\n"))
    assert text is not None
    return text


def kept(key_id: str) -> ApiKey:
    engine = open_log(Settings().log_url)
    with engine.begin() as connection:
        found = read_key(connection, key_id)
    engine.dispose()
    return found


def stored_bytes() -> str:
    """Everything that the tables of keys and acts hold."""
    engine = open_log(Settings().log_url)
    with engine.connect() as connection:
        rows = [*connection.execute(select(api_keys)), *connection.execute(select(audit_log))]
    engine.dispose()
    return repr(rows)


def test_a_created_key_is_kept_without_its_secret() -> None:
    text = created("shop", "--scopes", "decide, read", "--rate-limit", "50/second", "--expires-days", "30")

    key = kept(text.key_id)
    assert key.accepts(text.digest, NOW)
    assert key.scopes == {Scope.DECIDE, Scope.READ}
    assert (key.label, key.rate_limit) == ("shop", "50/second")
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days == 30
    assert text.secret not in stored_bytes()
    assert text.secret not in call("keys", "list").output


def test_rotation_prints_a_new_secret_and_keeps_the_old_one_for_the_overlap() -> None:
    old = created("shop", "--scopes", "decide")

    new = parse_key_text(call("keys", "rotate", old.key_id, "--overlap-hours", "1").stdout.strip())

    assert new is not None
    assert new.key_id == old.key_id
    key = kept(old.key_id)
    assert key.previous_until is not None
    now = datetime.now(UTC)
    assert [key.accepts(text.digest, now) for text in (old, new)] == [True, True]
    assert [key.accepts(text.digest, key.previous_until) for text in (old, new)] == [False, True]
    assert "the secret before works until" in call("keys", "list").output


def test_a_revoked_key_stays_listed_and_is_not_rotated() -> None:
    text = created("shop", "--scopes", "decide")

    call("keys", "revoke", text.key_id)

    assert "was revoked" in call("keys", "list").output
    assert "was revoked" in call("keys", "rotate", text.key_id, code=2).output
    assert is_protected(Settings())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "shop", "--scopes", "decid"), "found scopes"),
        (("create", "shop", "--scopes", "decide", "--rate-limit", "fast"), "found the rate limit"),
        (("rotate", "000000000000"), "no key"),
        (("revoke", "000000000000"), "no key"),
    ],
)
def test_what_cannot_be_done_is_said_and_neither_done_nor_recorded(
    arguments: tuple[str, ...], said: str
) -> None:
    assert said in call("keys", *arguments, code=2).output
    assert stored_bytes() == "[]"


def test_every_act_is_in_the_audit_log_with_who_did_it() -> None:
    text = created("shop", "--scopes", "decide")
    call("keys", "rotate", text.key_id)
    call("keys", "revoke", text.key_id)

    lines = call("audit").output.splitlines()[1:]

    assert [line.split()[3] for line in lines] == ["key.revoked", "key.rotated", "key.created"]
    assert all("@" in line and f"key:{text.key_id}" in line for line in lines)
    assert len(call("audit", "--last", "1").output.splitlines()) == 2


def test_a_customers_entries_are_found_by_the_id_that_they_do_not_hold() -> None:
    settings = Settings()
    secret = read_or_create_secret(settings.audit_key_path)
    engine = open_log(settings.log_url)
    with engine.begin() as connection:
        for customer in ("maryam", "reza"):
            subject = customer_subject(customer, secret)
            record_act(
                connection,
                AuditEntry(at=NOW, actor="o@h", act=Act.CUSTOMER_ERASED, subject=subject, detail={"rows": 7}),
            )
    with engine.connect() as connection:
        assert [entry.act for entry in read_acts(connection, limit=9)] == [Act.CUSTOMER_ERASED] * 2
    engine.dispose()

    found = call("audit", "--customer", "maryam").output.splitlines()

    assert len(found) == 2
    assert "rows=7" in found[1]
    assert "maryam" not in stored_bytes()


def test_an_act_that_failed_leaves_no_entry() -> None:
    engine = open_log(Settings().log_url)
    entry = AuditEntry(at=NOW, actor="o@h", act=Act.LOG_EXPORTED, subject="log")
    with engine.connect() as connection:
        record_act(connection, entry)
        connection.rollback()
    engine.dispose()

    assert stored_bytes() == "[]"


@pytest.mark.parametrize("command", ["serve", "run"])
def test_an_unprotected_service_refuses_to_listen_beyond_this_machine(command: str) -> None:
    refused = call(command, "--host", "0.0.0.0", code=2)

    assert "refusing to listen on '0.0.0.0'" in refused.output


def test_a_key_or_an_issuer_protects(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_protected(Settings())
    monkeypatch.setenv("GARDOON_OIDC_ISSUER", "https://login.example.com")
    assert is_protected(Settings())
    monkeypatch.delenv("GARDOON_OIDC_ISSUER")

    created("shop", "--scopes", "decide")

    assert is_protected(Settings())
