"""Tokens: signed, the same bytes again, checked with the public half alone, and worth nothing once altered."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.coupons.key import CouponKey, encode64
from service.coupons.token import SignedCoupon, customer_hash, key_id_of, read_token, write_token
from service.errors import TamperedCouponError
from tests.service.conftest import KEY, NOW

COUPON = SignedCoupon.of(
    decision_id="019abf3c-0d5c-7c3e-9a6f-2f0e5b1d7a11",
    customer_id="1453",
    amount=30_000,
    currency="IRT",
    expires_at=datetime(2026, 11, 22, 20, 30, 0, 500, tzinfo=UTC),
)


def test_a_token_says_what_was_signed_and_is_the_same_again() -> None:
    token = write_token(KEY, COUPON)

    assert read_token(token, KEY.public_jwk()) == COUPON
    assert key_id_of(token) == KEY.key_id
    assert write_token(KEY, COUPON) == token
    assert len(token) < 340


@given(st.binary(min_size=32, max_size=32), st.binary())
def test_a_signature_is_the_one_that_any_other_library_makes(seed: bytes, content: bytes) -> None:
    key, other = CouponKey(seed, NOW), Ed25519PrivateKey.from_private_bytes(seed)

    assert key.sign(content) == other.sign(content)
    assert key.public_bytes == other.public_key().public_bytes_raw()


def test_any_library_for_json_web_tokens_can_check_it_and_sees_when_it_is_over() -> None:
    live = SignedCoupon(**{**vars(COUPON), "expires_at": datetime(2100, 1, 1, tzinfo=UTC)})
    key = jwt.PyJWK(KEY.public_jwk())

    claims = jwt.decode(write_token(KEY, live), key, algorithms=["EdDSA"])

    assert claims["amount"] == 30_000
    over = SignedCoupon(**{**vars(COUPON), "expires_at": datetime(2020, 1, 1, tzinfo=UTC)})
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(write_token(KEY, over), key, algorithms=["EdDSA"])


def test_the_customer_can_be_checked_but_is_not_named() -> None:
    token = write_token(KEY, COUPON)

    content = base64.urlsafe_b64decode(token.split(".")[1] + "==").decode()

    assert "1453" not in content.replace(COUPON.customer, "")
    assert customer_hash(COUPON.decision_id, "1453") == COUPON.customer
    assert customer_hash("another decision", "1453") != COUPON.customer


def test_no_character_of_a_token_can_be_altered() -> None:
    token = write_token(KEY, COUPON)

    for place, character in enumerate(token):
        other = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        try:
            accepted = read_token(other, KEY.public_jwk())
        except TamperedCouponError:
            continue
        assert place == len(token) - 1, "only the last character has bits that stand for nothing"
        assert accepted == COUPON


@pytest.mark.parametrize(
    "token",
    ["", "nonsense", "a.b.c", "ü.ü.ü", f"{encode64(b'[]')}.x.y", jwt.encode({"sub": "a"}, "k" * 32, "HS256")],
)
def test_what_is_no_coupons_token_has_no_key(token: str) -> None:
    with pytest.raises(TamperedCouponError):
        key_id_of(token)


def test_a_token_of_another_key_or_without_signature_is_refused() -> None:
    forged = write_token(CouponKey(bytes(32), NOW), COUPON)
    header = encode64(json.dumps({"alg": "none", "typ": "coupon+jwt", "kid": KEY.key_id}).encode())
    unsigned = ".".join([header, write_token(KEY, COUPON).split(".")[1], ""])

    for token in (forged, unsigned):
        with pytest.raises(TamperedCouponError):
            read_token(token, KEY.public_jwk())
