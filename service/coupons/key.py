"""A key that coupons are signed with: Ed25519, kept and published as a JSON Web Key (RFC 8037)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from nacl.signing import SigningKey

_ID_LENGTH = 8


class CouponKeyError(ValueError):
    """A key or a file of keys that cannot be used; the message says what was found and what is wanted."""


@dataclass(frozen=True)
class CouponKey:
    """A signing key: its 32 secret bytes, from when on coupons are signed with it, and whether it is trusted no more."""

    seed: bytes
    used_from: datetime
    revoked: bool = False

    def __repr__(self) -> str:
        return f"CouponKey({self.key_id!r}, used_from={self.used_from.isoformat()})"

    @cached_property
    def _private(self) -> SigningKey:
        return SigningKey(self.seed)

    @cached_property
    def key_id(self) -> str:
        """The start of the key's thumbprint (RFC 7638): 8 characters, 48 bits."""
        required = {"crv": "Ed25519", "kty": "OKP", "x": encode64(self.public_bytes)}
        content = json.dumps(required, sort_keys=True, separators=(",", ":"))
        return encode64(hashlib.sha256(content.encode()).digest())[:_ID_LENGTH]

    @cached_property
    def public_bytes(self) -> bytes:
        """The public half, 32 bytes."""
        return bytes(self._private.verify_key)

    @cached_property
    def code_secret(self) -> bytes:
        """What short codes are derived with: another secret than the one that signs, made from it."""
        return hmac.new(self.seed, b"gardoon coupon code", hashlib.sha256).digest()

    def sign(self, content: bytes) -> bytes:
        """The 64 bytes of the signature: always the same ones for the same content."""
        return self._private.sign(content).signature

    def public_jwk(self) -> dict[str, Any]:
        """The public half as a JSON Web Key."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": self.key_id,
            "x": encode64(self.public_bytes),
        }

    def private_jwk(self) -> dict[str, Any]:
        """The whole key as a JSON Web Key; `nbf` is `used_from` in seconds since 1970."""
        own = {"nbf": int(self.used_from.timestamp()), **({"revoked": True} if self.revoked else {})}
        return {**self.public_jwk(), "d": encode64(self.seed), **own}


def new_key(randomness: Callable[[int], bytes], used_from: datetime) -> CouponKey:
    """A key that nobody has seen, in use from that second on."""
    return CouponKey(randomness(32), used_from.replace(microsecond=0))


def parse_key(jwk: Mapping[str, Any]) -> CouponKey:
    """The key that `private_jwk` wrote. Raises `CouponKeyError`."""
    try:
        used_from, revoked = datetime.fromtimestamp(jwk["nbf"], UTC), jwk.get("revoked", False)
        key = CouponKey(decode64(jwk["d"]), used_from, revoked is True)
        if key.public_jwk()["x"] != jwk["x"]:
            raise CouponKeyError("x is not the public half of d")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CouponKeyError(f"key {jwk.get('kid')!r}: {type(error).__name__}: {error}") from error
    return key


def encode64(content: bytes) -> str:
    """URL-safe base 64 without padding, as JSON Web Keys and tokens use it.

    >>> encode64(b"coupon!")
    'Y291cG9uIQ'
    """
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode64(text: str) -> bytes:
    """What `encode64` wrote. Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
