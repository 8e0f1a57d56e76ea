"""The offline check that docs/coupons.md shows does what it says, with nothing of ours but the public keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from service.coupons.key import CouponKey
from service.coupons.token import SignedCoupon, write_token

PAGE = Path(__file__).parents[1] / "docs" / "coupons.md"
OURS, ANOTHER = (
    CouponKey(b"1" * 32, datetime(2026, 1, 1, tzinfo=UTC)),
    CouponKey(b"2" * 32, datetime(2026, 1, 1, tzinfo=UTC)),
)
KEYS = {"keys": [OURS.public_jwk()]}


@pytest.fixture
def check() -> Callable[..., dict[str, Any]]:
    """The function on the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Callable[..., dict[str, Any]] = names["check"]
    return found


def token(key: CouponKey = OURS, year: int = 2100) -> str:
    terms = {"amount": 30_000, "currency": "IRT", "expires_at": datetime(year, 1, 1, tzinfo=UTC)}
    return write_token(key, SignedCoupon.of(decision_id="d1", customer_id="1453", **terms))  # type: ignore[arg-type]


def test_a_genuine_coupon_says_what_it_is_worth(check: Callable[..., dict[str, Any]]) -> None:
    assert check(token(), KEYS)["amount"] == 30_000
    assert check(token(), KEYS, customer_id="1453")["jti"] == "d1"


@pytest.mark.parametrize(
    ("presented", "customer_id"),
    [(token(ANOTHER), None), (token(year=2020), None), (token(), "1454"), (token()[:-9] + "AAAAAAAAA", None)],
)
def test_anything_else_is_refused(
    check: Callable[..., dict[str, Any]], presented: str, customer_id: str | None
) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        check(presented, KEYS, customer_id)
