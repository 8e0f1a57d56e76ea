"""Keys for the tests' callers."""

from __future__ import annotations

import os
from datetime import datetime

from service.access.key import ApiKey, KeyText, new_key_text
from service.access.key_store import add_key
from service.access.scope import Scope
from tests.service.conftest import NOW, Worker


def made_key(*scopes: Scope, **kept: object) -> tuple[ApiKey, KeyText]:
    """A key as it is kept, and as its holder has it."""
    text = new_key_text(os.urandom)
    given = {"label": "shop", "created_at": NOW, **kept}
    return ApiKey(key_id=text.key_id, digest=text.digest, scopes=frozenset(scopes), **given), text


def give_key(
    worker: Worker, *scopes: Scope, rate_limit: str = "", expires_at: datetime | None = None
) -> KeyText:
    """A key that the worker knows at once."""
    key, text = made_key(*scopes, rate_limit=rate_limit, expires_at=expires_at)
    with worker.state.engine.begin() as connection:
        add_key(connection, key)
    worker.state.access.refresh()
    return text


def bearer(text: object) -> dict[str, str]:
    """The headers of a request with this key or token."""
    return {"authorization": f"Bearer {text}"}
