"""What an event changes, so that only the views that read it are computed anew.

A change is named by the canonical table whose rows it changes, or, of the table `events`, by the event.
"""

from __future__ import annotations

from typing import Final

from features.told import COUPON_EXPIRED, COUPON_GIVEN, COUPON_REDEEMED, MESSAGES, PURCHASED, STEPS

MOST: Final = 128
EVERYTHING: Final = frozenset[str]()
"""Nothing named: anything may have changed."""
_BY_NAME: Final = {
    **{name: frozenset({name}) for name in STEPS | MESSAGES},
    PURCHASED: frozenset({"orders"}),
    COUPON_GIVEN: frozenset({"campaigns"}),
    COUPON_EXPIRED: frozenset({"campaigns"}),
    COUPON_REDEEMED: frozenset({"orders", "redemptions"}),
}
_OF_NO_ROW: Final = frozenset({"presence"})
"""What is in no table but that the customer was there."""


def touched_by(kind: str, name: str | None) -> frozenset[str]:
    """What an event of that type and name changes; `EVERYTHING` of one that tells who somebody is.

    Any event may be the first of its customer, so `customers` changes with all of them.
    """
    if kind in ("identify", "alias"):
        return EVERYTHING
    return _BY_NAME.get(name or "", _OF_NO_ROW) if kind == "track" else _OF_NO_ROW


def has_rows(kind: str, name: str | None) -> bool:
    """Whether an event of that type and name has rows of its own."""
    return kind == "track" and name in _BY_NAME


def pack_changes(changed: frozenset[str]) -> str:
    """The names as one text of `MOST` characters at most, to be kept; too many of them are everything."""
    packed = " ".join(sorted(changed))
    return packed if len(packed) <= MOST else ""


def unpack_changes(text: str) -> frozenset[str]:
    """The names of a text that was kept."""
    return frozenset(text.split())
