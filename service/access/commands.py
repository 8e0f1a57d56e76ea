"""`python -m service keys ...` and `python -m service audit`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from service.access.audit import Act, AuditEntry, customer_subject, operator, read_acts, record_act
from service.access.caller import parse_limit
from service.access.key import ApiKey, KeyText, new_key_text
from service.access.key_store import UnknownKeyError, add_key, put_key, read_key, read_keys, revoke
from service.access.scope import parse_scopes
from service.secret_file import read_or_create_secret
from service.settings import Settings
from service.store.engine import opened_log

keys_app = typer.Typer(no_args_is_help=True, help="Create, list, rotate and revoke API keys.")

KeyId = Annotated[str, typer.Argument(help="The key's id, as `keys list` shows it.")]
Scopes = Annotated[
    str, typer.Option(help="What it may do: decide, outcomes, events, read, admin; commas between.")
]
Days = Annotated[float, typer.Option(help="Days until it expires; 0: never.", min=0)]
Limit = Annotated[str, typer.Option(help="How often it may ask, such as 50/second; empty: the default.")]
Hours = Annotated[float, typer.Option(help="Hours for which the present secret goes on working.", min=0)]
Last = Annotated[int, typer.Option(help="How many entries, the newest first.", min=1)]
Customer = Annotated[str, typer.Option(help="Only what was done to this customer's data.")]


@keys_app.command("create")
def create(label: str, scopes: Scopes, expires_days: Days = 0, rate_limit: Limit = "") -> None:
    """Create a key and print it, once: only a hash is kept. It works within a second or so."""
    now, text = datetime.now(UTC), new_key_text(os.urandom)
    with _database() as connection:
        key = ApiKey(
            key_id=text.key_id,
            label=label,
            digest=text.digest,
            scopes=parse_scopes(name.strip() for name in scopes.split(",")),
            created_at=now,
            rate_limit=_checked_limit(rate_limit),
            expires_at=now + timedelta(days=expires_days) if expires_days else None,
        )
        add_key(connection, key)
        _record(connection, now, Act.KEY_CREATED, key, scopes=" ".join(sorted(key.scopes)))
    _show(text)


@keys_app.command("list")
def list_keys() -> None:
    """Show every key there ever was, without secrets."""
    now = datetime.now(UTC)
    table = Table("id", "label", "scopes", "limit", "created", "expires", "last used", "state", box=None)
    with _database() as connection:
        for key in read_keys(connection):
            state = key.fault(now).removeprefix("the API key ") or "works"
            if key.previous_until and now < key.previous_until:
                state += f"; the secret before works until {_time(key.previous_until)}"
            times = (_time(at) for at in (key.created_at, key.expires_at, key.last_used_at))
            scopes = " ".join(sorted(key.scopes))
            table.add_row(key.key_id, key.label, scopes, key.rate_limit or "default", *times, state)
    Console(width=200).print(table)


@keys_app.command("rotate")
def rotate(key_id: KeyId, overlap_hours: Hours = 24) -> None:
    """Give a key a new secret and print it; the present one works on for a while, any before it stops."""
    now, text = datetime.now(UTC), new_key_text(os.urandom, key_id)
    with _database() as connection:
        key = read_key(connection, key_id)
        if key.fault(now):
            raise typer.BadParameter(f"{key.fault(now)}: create a new one")
        put_key(connection, key.rotated(text.digest, now, timedelta(hours=overlap_hours)))
        _record(connection, now, Act.KEY_ROTATED, key, overlap_hours=str(overlap_hours))
    _show(text)


@keys_app.command("revoke")
def revoke_key(key_id: KeyId) -> None:
    """Stop a key from working, in every worker within a second or so. The service stays protected."""
    now = datetime.now(UTC)
    with _database() as connection:
        key = read_key(connection, key_id)
        put_key(connection, revoke(key, now))
        _record(connection, now, Act.KEY_REVOKED, key)
    Console().print(f"{key_id} is revoked")


def audit(last: Last = 50, customer: Customer = "") -> None:
    """Show who created, rotated or revoked keys, and who erased or exported what."""
    settings = Settings()
    subject = customer_subject(customer, read_or_create_secret(settings.audit_key_path)) if customer else ""
    table = Table("when", "who", "what", "on whom", "detail", box=None)
    with _database() as connection:
        for entry in read_acts(connection, limit=last, subject=subject):
            detail = ", ".join(f"{name}={value}" for name, value in entry.detail.items())
            table.add_row(_time(entry.at), entry.actor, entry.act, entry.subject, detail)
    Console(width=200).print(table)


@contextmanager
def _database() -> Iterator[Connection]:
    """A transaction on the log; what is wrong with the command is told in a line."""
    try:
        with opened_log(Settings().log_url) as engine, engine.begin() as connection:
            yield connection
    except (ValueError, UnknownKeyError) as error:
        raise typer.BadParameter(str(error.args[0])) from error


def _checked_limit(text: str) -> str:
    parse_limit(text)
    return text


def _record(connection: Connection, at: datetime, act: Act, key: ApiKey, **detail: str) -> None:
    given = {"label": key.label, **detail}
    entry = AuditEntry(at=at, actor=operator(), act=act, subject=f"key:{key.key_id}", detail=given)
    record_act(connection, entry)


def _show(text: KeyText) -> None:
    """The key alone on standard output, for a pipe; what to know about it beside it."""
    Console(stderr=True).print("Keep it now, it cannot be shown again. Send it as: Authorization: Bearer ...")
    typer.echo(str(text))


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"
