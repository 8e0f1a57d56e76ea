"""API keys in the log's database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from service.access.key import ApiKey
from service.access.scope import Scope
from service.settings import Settings
from service.store.engine import microseconds, moment, opened_log
from service.store.tables import api_keys

_KNOWN = frozenset(scope.value for scope in Scope)
"""What a newer version may have beyond it grants nothing here."""


class UnknownKeyError(LookupError):
    """No key of that id was ever created."""


def add_key(connection: Connection, key: ApiKey) -> None:
    """Keep a new key."""
    connection.execute(insert(api_keys).values(_row(key)))


def put_key(connection: Connection, key: ApiKey) -> None:
    """Replace what is kept of a key, except when it was last used."""
    row = {name: value for name, value in _row(key).items() if name != "last_used_at"}
    connection.execute(update(api_keys).where(api_keys.c.key_id == key.key_id).values(row))


def read_keys(connection: Connection) -> list[ApiKey]:
    """Every key that was ever created, the oldest first."""
    return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at))]


def read_key(connection: Connection, key_id: str) -> ApiKey:
    """The key, locked against other changes until the transaction ends. Raises `UnknownKeyError`."""
    query = select(api_keys).where(api_keys.c.key_id == key_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownKeyError(f"no key {key_id!r}; `python -m service keys list` shows those there are")
    return _key(row)


def is_protected(settings: Settings) -> bool:
    """Whether a service of these settings answers only callers it knows: an issuer is set, or a key was ever created."""
    if settings.oidc_issuer:
        return True
    with opened_log(settings.log_url) as engine, engine.connect() as connection:
        return connection.scalar(select(api_keys.c.key_id).limit(1)) is not None


def revoke(key: ApiKey, at: datetime) -> ApiKey:
    """The key, revoked; the moment of an earlier revocation stays."""
    return replace(key, revoked_at=key.revoked_at or at)


def note_use(connection: Connection, used: Mapping[str, datetime]) -> None:
    """Note when keys were last used; a later note of another worker stays."""
    for key_id, at in used.items():
        earlier = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < microseconds(at))
        connection.execute(
            update(api_keys).where(api_keys.c.key_id == key_id, earlier).values(last_used_at=microseconds(at))
        )


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "label": key.label,
        "secret_hash": key.digest,
        "previous_hash": key.previous_digest,
        "previous_until": _stored(key.previous_until),
        "scopes": " ".join(sorted(key.scopes)),
        "rate_limit": key.rate_limit or None,
        "created_at": microseconds(key.created_at),
        "expires_at": _stored(key.expires_at),
        "revoked_at": _stored(key.revoked_at),
        "last_used_at": _stored(key.last_used_at),
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        label=row.label,
        digest=row.secret_hash,
        previous_digest=row.previous_hash,
        previous_until=_moment(row.previous_until),
        scopes=frozenset(Scope(name) for name in row.scopes.split() if name in _KNOWN),
        rate_limit=row.rate_limit or "",
        created_at=moment(row.created_at),
        expires_at=_moment(row.expires_at),
        revoked_at=_moment(row.revoked_at),
        last_used_at=_moment(row.last_used_at),
    )


def _stored(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)
