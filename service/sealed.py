"""Small texts that only this installation can write and read: a browser carries them, and learns nothing from them.

They are sealed with Fernet (AES-128-CBC and HMAC-SHA256, as the cryptography package specifies it) under keys made from
those that coupons are signed with: all workers know them, and a revoked coupon key opens nothing any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from service.coupons.key import CouponKey
from service.coupons.key_ring import CouponKeys

_UNTIL = "until"


class UnsealedError(ValueError):
    """The text was not sealed here for this purpose, or is valid no more."""


def seal(key: CouponKey, purpose: str, content: Mapping[str, Any], *, now: datetime, until: datetime) -> str:
    """The content as an opaque text that stands until then, and for this purpose alone."""
    text = json.dumps({**content, _UNTIL: int(until.timestamp())})
    return _fernet(key, purpose).encrypt_at_time(text.encode(), int(now.timestamp())).decode()


def unseal(keys: CouponKeys, purpose: str, text: str, *, now: datetime) -> dict[str, Any]:
    """What `seal` was given. Raises `UnsealedError`."""
    trusted = [_fernet(key, purpose) for key in reversed(keys.known) if not key.revoked]
    try:
        content: dict[str, Any] = json.loads(MultiFernet(trusted).decrypt(text.encode()))
    except InvalidToken:
        raise UnsealedError("it was not sealed here, or was altered") from None
    until = datetime.fromtimestamp(content.pop(_UNTIL), UTC)
    if now >= until:
        raise UnsealedError(f"it was valid until {until.isoformat()}")
    return content


def _fernet(key: CouponKey, purpose: str) -> Fernet:
    secret = hmac.new(key.seed, f"gardoon {purpose}".encode(), hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(secret))
