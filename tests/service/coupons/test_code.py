"""Short codes: what is printed can be typed, in any spelling that people use, and none can be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.coupons.code import coupon_code, read_code


@given(st.binary(min_size=1), st.text(), st.integers(min_value=0))
def test_a_code_is_read_back_however_it_is_cased_and_grouped(
    secret: bytes, decision_id: str, amount: int
) -> None:
    code = coupon_code(secret, decision_id, amount)

    assert read_code(code) == code
    assert read_code(code.lower().replace("-", "")) == code
    assert read_code(code.replace("-", " ").replace("0", "o").replace("1", "l")) == code
    assert read_code(code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))) == code


@pytest.mark.parametrize(
    "text", ["", "-", "XG9Y", "XG9Y-07R0-92M1-F122-0", "XG9Y-07R0-92M1-F12U", "XG9Y-07R0-92M1-F12!", "½" * 16]
)
def test_what_can_be_no_code_is_none(text: str) -> None:
    assert read_code(text) is None


def test_codes_differ_with_secret_decision_and_amount() -> None:
    codes = {
        coupon_code(secret, decision_id, amount)
        for secret in (b"a", b"b")
        for decision_id in map(str, range(50))
        for amount in (10_000, 20_000)
    }

    assert len(codes) == 200
