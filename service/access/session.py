"""A console session: who logged in, sealed in a cookie that no script reads and no other site sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Final

from service.access.caller import Caller
from service.access.scope import Scope, parse_scopes
from service.coupons.key import CouponKey
from service.coupons.key_ring import CouponKeys
from service.sealed import UnsealedError, seal, unseal

COOKIE: Final = "gardoon_session"
LIFE: Final = timedelta(hours=8)
_PURPOSE: Final = "console session"


def write_session(key: CouponKey, caller: Caller, now: datetime) -> str:
    """The session of a caller that has just proved who it is, good for a working day."""
    content = {"identity": caller.identity, "scopes": sorted(caller.scopes)}
    return seal(key, _PURPOSE, content, now=now, until=now + LIFE)


def read_session(keys: CouponKeys, headers: Mapping[bytes, bytes], now: datetime) -> Caller | None:
    """Who the request's session says is asking; None where it brings none that is ours and still good."""
    try:
        content = unseal(keys, _PURPOSE, read_cookies(headers).get(COOKIE, ""), now=now)
    except UnsealedError:
        return None
    names = content["scopes"]
    scopes: frozenset[Scope] = parse_scopes(names) if names else frozenset()
    return Caller(identity=content["identity"], scopes=scopes)


def read_cookies(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """The request's cookies; none where they cannot be read."""
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}
