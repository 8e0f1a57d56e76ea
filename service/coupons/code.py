"""The short form of a coupon, for people: shown on a page, read out on the telephone, typed at a till."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O and U, so that what people read wrongly can be read back."""
_LENGTH: Final = 16
_GROUP: Final = 4
_PAIRS: Final = tuple([first + second for first in _ALPHABET for second in _ALPHABET])
"""Of every ten bits their two characters."""
_READ_AS: Final = str.maketrans("ILO", "110", "- \t")


def coupon_code(secret: bytes, decision_id: str, amount: int) -> str:
    """Sixteen characters in groups of four: 80 bits of HMAC-SHA256 over decision and amount, so that none can be guessed.

    >>> coupon_code(b"secret", "d1", 30000)
    'XG9Y-07R0-92M1-F122'
    """
    digest = hmac.new(secret, f"{decision_id}\0{amount}".encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest[: _LENGTH * 5 // 8], "big")
    return "-".join(
        [_PAIRS[number >> end + 10 & 1023] + _PAIRS[number >> end & 1023] for end in (60, 40, 20, 0)]
    )


def read_code(text: str) -> str | None:
    """The code that someone typed, as it is kept; None of what can be no code.

    Case, blanks and dashes do not matter, I and L are read as 1, O as 0, and digits may be Persian or Arabic.

    >>> read_code("xg9y o7ro-92ml-f۱۲۲")
    'XG9Y-07R0-92M1-F122'
    >>> read_code("XG9Y-07R0")
    """
    digits = "".join(str(unicodedata.digit(each, each)) for each in text)
    characters = digits.upper().translate(_READ_AS)
    if len(characters) != _LENGTH or not set(characters) <= set(_ALPHABET):
        return None
    return _grouped(characters)


def _grouped(characters: str) -> str:
    return "-".join(characters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))
