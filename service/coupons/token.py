"""The signed form of a coupon, for machines: a JSON Web Token that anyone with the public keys can check.

The customer is named by a hash salted with the decision's id. A till that knows who stands before it can check the name with
public knowledge alone, which a keyed hash would not allow. What it keeps out is the id itself, of links, screenshots and
proxies' logs, and any sign that two coupons are one customer's. It hides nothing from somebody who tries out every id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Self

import jwt
from msgspec.json import Encoder

from service.coupons.key import CouponKey, encode64
from service.errors import TamperedCouponError

TYPE: Final = "coupon+jwt"
_ALGORITHM: Final = "EdDSA"
_CUSTOMER_BYTES: Final = 16
_ENCODER: Final = Encoder()


@dataclass(frozen=True, kw_only=True)
class SignedCoupon:
    """What a token says; `customer` is the salted hash, `expires_at` in whole seconds."""

    decision_id: str
    customer: str
    amount: int
    currency: str
    expires_at: datetime

    @classmethod
    def of(
        cls, *, decision_id: str, customer_id: str, amount: int, currency: str, expires_at: datetime
    ) -> Self:
        """What the token of this coupon says."""
        return cls(
            decision_id=decision_id,
            customer=customer_hash(decision_id, customer_id),
            amount=amount,
            currency=currency,
            expires_at=expires_at.replace(microsecond=0),
        )


def customer_hash(decision_id: str, customer_id: str) -> str:
    """The customer as a token names them: 128 bits of SHA-256 over decision and customer."""
    digest = hashlib.sha256(f"{decision_id}\0{customer_id}".encode()).digest()
    return encode64(digest[:_CUSTOMER_BYTES])


def write_token(key: CouponKey, coupon: SignedCoupon) -> str:
    """The signed token, about 300 characters; its bytes are laid out here, so that no library's next version moves them."""
    claims = {
        "jti": coupon.decision_id,
        "sub": coupon.customer,
        "amount": coupon.amount,
        "currency": coupon.currency,
        "exp": int(coupon.expires_at.timestamp()),
    }
    content = f"{_header(key.key_id)}.{_part(claims)}"
    return f"{content}.{encode64(key.sign(content.encode()))}"


@lru_cache(maxsize=16)
def _header(key_id: str) -> str:
    return _part({"alg": _ALGORITHM, "typ": TYPE, "kid": key_id})


def _part(content: Mapping[str, Any]) -> str:
    return encode64(_ENCODER.encode(content))


def key_id_of(token: str) -> str:
    """The key that a token says it is signed with. Raises `TamperedCouponError` when it is no coupon's token."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TamperedCouponError(f"not a coupon's token: {type(error).__name__}") from error
    if header.get("typ") != TYPE:
        raise TamperedCouponError(f"a token of type {header.get('typ')!r}; wanted {TYPE!r}")
    return str(header.get("kid"))


def read_token(token: str, public_jwk: Mapping[str, Any]) -> SignedCoupon:
    """What a token says, its signature checked, expired or not. Raises `TamperedCouponError`."""
    try:
        claims = jwt.decode(
            token,
            jwt.PyJWK(dict(public_jwk)),
            algorithms=[_ALGORITHM],
            options={"require": ["jti", "sub", "exp"], "verify_exp": False},
        )
        return SignedCoupon(
            decision_id=claims["jti"],
            customer=claims["sub"],
            amount=claims["amount"],
            currency=claims["currency"],
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise TamperedCouponError(f"the token's signature does not hold: {type(error).__name__}") from error
