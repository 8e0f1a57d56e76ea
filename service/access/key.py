"""API keys: `gdn_<id>_<secret>`, of which only a hash is kept.

The secret is 256 random bits. A slow password hash protects secrets that people choose, by making each guess dear; here
guessing is hopeless at any price (2^256 tries), so one fast hash per request is right. It is keyed with the key's id: a hash
means nothing in another key's row.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest

from service.access.scope import Scope

PREFIX = "gdn_"
_FORM = re.compile(r"gdn_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class KeyText:
    """A key as its holder has it, in its two parts."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.key_id!r}, ...)"

    @property
    def digest(self) -> bytes:
        """What is kept of the secret, 32 bytes."""
        key_id = self.key_id.encode()
        return blake2b(self.secret.encode(), key=key_id, person=b"gardoon key", digest_size=32).digest()


def new_key_text(randomness: Callable[[int], bytes], key_id: str = "") -> KeyText:
    """A key with a new secret, and with a new id unless one is given."""
    secret = base64.urlsafe_b64encode(randomness(32)).decode().rstrip("=")
    return KeyText(key_id or randomness(6).hex(), secret)


def parse_key_text(text: str) -> KeyText | None:
    """The parts of a key, or None of what has not the form of one."""
    found = _FORM.fullmatch(text)
    return KeyText(found[1], found[2]) if found else None


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as it is kept.

    previous_digest: of the secret before the last rotation, honoured until `previous_until`; rate_limit: as "50/second",
    empty where the default holds; last_used_at: to the minute.
    """

    key_id: str
    label: str
    digest: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    previous_digest: bytes | None = None
    previous_until: datetime | None = None
    rate_limit: str = ""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def accepts(self, digest: bytes, now: datetime) -> bool:
        """Whether this is the digest of its secret or, while a rotation lasts, of the one before, in constant time."""
        overlaps = self.previous_until is not None and now < self.previous_until
        previous = self.previous_digest if overlaps else None
        return compare_digest(digest, self.digest) | compare_digest(digest, previous or self.digest)

    def fault(self, now: datetime) -> str:
        """Why the key is honoured no more; empty while it is."""
        if self.revoked_at is not None:
            return "the API key was revoked"
        if self.expires_at is not None and now >= self.expires_at:
            return "the API key has expired"
        return ""

    def rotated(self, digest: bytes, now: datetime, overlap: timedelta) -> ApiKey:
        """The key with a new secret, honouring the present one for the overlap and none before it."""
        return replace(self, digest=digest, previous_digest=self.digest, previous_until=now + overlap)
