"""Which of the canonical tables an event changes, so that only the views that read them are computed anew."""

from __future__ import annotations

from typing import Final

from features.told import COUPON_EXPIRED, COUPON_GIVEN, COUPON_REDEEMED, MESSAGES, PURCHASED, STEPS

EVERYTHING: Final = frozenset[str]()
"""No table named: all of them."""
_BY_NAME: Final = {
    **dict.fromkeys(STEPS | MESSAGES, frozenset({"events"})),
    PURCHASED: frozenset({"orders"}),
    COUPON_GIVEN: frozenset({"campaigns"}),
    COUPON_EXPIRED: frozenset({"campaigns"}),
    COUPON_REDEEMED: frozenset({"orders", "redemptions"}),
}
_OF_NO_ROW: Final = frozenset({"customers"})


def touched_tables(kind: str, name: str | None) -> frozenset[str]:
    """The tables in which an event of that type and name has rows; `EVERYTHING` of one that tells who somebody is.

    Any event may be the first of its customer, so `customers` changes with all of them.
    """
    if kind in ("identify", "alias"):
        return EVERYTHING
    return _BY_NAME.get(name or "", _OF_NO_ROW) if kind == "track" else _OF_NO_ROW


def has_rows(kind: str, name: str | None) -> bool:
    """Whether an event of that type and name has rows of its own."""
    return kind == "track" and name in _BY_NAME


def pack_tables(tables: frozenset[str]) -> str:
    """The names as one text, to be kept."""
    return " ".join(sorted(tables))


def unpack_tables(text: str) -> frozenset[str]:
    """The names of a text that was kept."""
    return frozenset(text.split())
