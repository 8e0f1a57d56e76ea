"""`python -m service coupon-keys ...`."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from service.access.audit import Act, AuditEntry, operator, record_act
from service.coupons.key import CouponKeyError, new_key
from service.coupons.key_file import add_key
from service.coupons.key_ring import CouponKeys, open_coupon_keys
from service.settings import Settings
from service.store.engine import open_log

coupon_keys_app = typer.Typer(
    no_args_is_help=True, help="List, rotate and publish the keys that coupons are signed with."
)

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
        table.add_row(key.key_id, f"{key.used_from:%Y-%m-%d %H:%M:%S} UTC", state)
    Console(width=200).print(table)


@coupon_keys_app.command("rotate")
def rotate(after_hours: Hours = 0) -> None:
    """Add a key that signs from now on; coupons of the keys before it stay valid until they expire."""
    settings, now = Settings(), datetime.now(UTC)
    key = new_key(os.urandom, now + timedelta(hours=after_hours))
    try:
        add_key(settings.coupon_keys_path, key)
    except CouponKeyError as error:
        raise _ended(error) from None
    engine = open_log(settings.log_url)
    with engine.begin() as connection:
        entry = AuditEntry(
            at=now, actor=operator(), act=Act.COUPON_KEY_ADDED, subject=f"coupon-key:{key.key_id}"
        )
        record_act(connection, entry)
    engine.dispose()
    Console().print(f"{key.key_id} signs from {key.used_from:%Y-%m-%d %H:%M:%S} UTC on", soft_wrap=True)


@coupon_keys_app.command("public")
def public() -> None:
    """Print the public halves as a JSON Web Key Set, as GET /v1/coupons/keys answers."""
    typer.echo(json.dumps({"keys": _keys().public()}, indent=1))


def _keys() -> CouponKeys:
    try:
        return open_coupon_keys(Settings(), lambda: datetime.now(UTC), os.urandom)
    except CouponKeyError as error:
        raise _ended(error) from None


def _ended(error: CouponKeyError) -> typer.Exit:
    Console(stderr=True).print(f"[red]{error}[/red]", soft_wrap=True)
    return typer.Exit(1)
