"""`python -m service coupon-keys ...`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.access.audit import Act, AuditEntry, operator, record_act
from service.coupons.key import CouponKeyError, new_key
from service.coupons.key_file import add_key, revoke_key
from service.coupons.key_ring import CouponKeys, open_coupon_keys
from service.settings import Settings
from service.store.engine import opened_log

coupon_keys_app = typer.Typer(
    no_args_is_help=True, help="List, rotate and publish the keys that coupons are signed with."
)

KeyId = Annotated[str, typer.Argument(help="The key's id, as `coupon-keys list` shows it.")]
Hours = Annotated[
    float, typer.Option(help="Hours until it is used, so that tills can fetch its public half before.", min=0)
]


@coupon_keys_app.command("list")
def list_keys() -> None:
    """Show every key there ever was, without secrets, and which of them signs."""
    keys = _keys()
    current, now = keys.current, datetime.now(UTC)
    table = Table("id", "used from", "state", box=None)
    for key in keys.known:
        state = "signs" if key == current else "not used yet" if key.used_from > now else "checks only"
        state = "revoked" if key.revoked else state
        table.add_row(key.key_id, f"{key.used_from:%Y-%m-%d %H:%M:%S} UTC", state)
    Console(width=200).print(table)


@coupon_keys_app.command("rotate")
def rotate(after_hours: Hours = 0) -> None:
    """Add a key that signs from now on; coupons of the keys before it stay valid until they expire."""
    settings, now = Settings(), datetime.now(UTC)
    key = new_key(os.urandom, now + timedelta(hours=after_hours))
    with _told():
        add_key(settings.coupon_keys_path, key)
    _record(settings, Act.COUPON_KEY_ADDED, key.key_id, now)
    Console().print(f"{key.key_id} signs from {key.used_from:%Y-%m-%d %H:%M:%S} UTC on", soft_wrap=True)


# an id is base 64, so one of 64 begins with "-" and must not be taken for an option
@coupon_keys_app.command("revoke", context_settings={"ignore_unknown_options": True})
def revoke(key_id: KeyId) -> None:
    """Trust tokens of a stolen key no more; the codes of the same coupons are still good, for Gardoon knows what it gave."""
    settings, now = Settings(), datetime.now(UTC)
    with _told():
        revoke_key(settings.coupon_keys_path, key_id, now)
    _record(settings, Act.COUPON_KEY_REVOKED, key_id, now)
    Console().print(
        f"{key_id} is revoked; tills that check offline learn it when they fetch the keys", soft_wrap=True
    )


@coupon_keys_app.command("public")
def public() -> None:
    """Print the public halves as a JSON Web Key Set, as GET /v1/coupons/keys answers."""
    typer.echo(json.dumps({"keys": _keys().public()}, indent=1))


def _keys() -> CouponKeys:
    with _told():
        return open_coupon_keys(Settings(), lambda: datetime.now(UTC), os.urandom)


@contextmanager
def _told() -> Iterator[None]:
    """End with what is wrong with the keys, where something is."""
    try:
        yield
    except CouponKeyError as error:
        Console(stderr=True).print(f"[red]{error}[/red]", soft_wrap=True)
        raise typer.Exit(1) from None


def _record(settings: Settings, act: Act, key_id: str, now: datetime) -> None:
    """Put it on record; the file comes first, as a key must not be in doubt because the log is away."""
    entry = AuditEntry(at=now, actor=operator(), act=act, subject=f"coupon-key:{key_id}")
    with opened_log(settings.log_url) as engine, engine.begin() as connection:
        record_act(connection, entry)
