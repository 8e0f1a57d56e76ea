"""What was told of customers, as the event log holds it, and whether features can be made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from features.schema import CHANNELS
from features.tables import FUNNEL_EVENTS, MESSAGE_EVENTS, TABLES
from features.zone import UnknownTimeZoneError, load_zone

PURCHASED: Final = "purchased"
COUPON_GIVEN: Final = "coupon_given"
COUPON_EXPIRED: Final = "coupon_expired"
COUPON_REDEEMED: Final = "coupon_redeemed"
STEPS: Final = frozenset(FUNNEL_EVENTS) - {PURCHASED}
MESSAGES: Final = frozenset(MESSAGE_EVENTS)
MOST: Final = 10**15
"""Of an amount; sums of them stay well inside 64 bits."""
TRAITS: Final = {
    column: kind for column, kind in TABLES["customers"].items() if column not in ("customer_id", "joined_at")
}
"""The traits that are columns of `customers`, with their types."""
_Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """One event of a customer; `properties` are a track event's, and empty for other types."""

    message_id: str
    customer_id: str
    type: str
    name: str | None
    occurred_at: datetime
    received_at: datetime
    properties: Mapping[str, Any]

    @property
    def track(self) -> str | None:
        """The name of a track event, None of others: a page may be called as an event is."""
        return self.name if self.type == "track" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTrait:
    """The latest that was said of one trait of a customer; None where it was taken back."""

    customer_id: str
    name: str
    value: Any
    told_at: datetime


def event_fault(event: ToldEvent, *, currency: str) -> str | None:
    """Why no feature can be made of an event that has a place in the canonical tables; None where one can.

    The tracking plan that ships with the service lets none of these in but another currency and amounts without bound; a
    plan of one's own may. `currency` is the shop's: an amount of another one is no amount here.
    """
    for name, check in _CHECKS.get(event.track or "", {}).items():
        if fault := check(event.properties.get(name)):
            return f"{name}: {fault}"
    told = event.properties.get("currency", currency)
    if event.track in (PURCHASED, COUPON_REDEEMED) and told != currency:
        return f"currency: found {told!r}, wanted {currency}"
    return None


def products_of(event: ToldEvent) -> Sequence[Any]:
    """What an order says was bought, as it was told; an order whose products are no array says nothing."""
    told = event.properties.get("products")
    return told if isinstance(told, list) else ()


def product_fault(product: Any) -> str | None:
    """Why one product of an order cannot be a line of it; None where it can."""
    if not isinstance(product, Mapping):
        return f"product: found {product!r}, wanted an object"
    faults = ((name, check(product.get(name))) for name, check in _PRODUCT_CHECKS.items())
    return next((f"{name}: {fault}" for name, fault in faults if fault), None)


def trait_fault(trait: ToldTrait) -> str | None:
    """Why a trait that is a column of `customers` cannot be used; None where it can, was taken back or is no column."""
    kind = TRAITS.get(trait.name)
    if kind is None or trait.value is None:
        return None
    fault = _TRAIT_CHECKS[kind](trait.value)
    return f"{trait.name}: {fault}" if fault else None


def parse_moment(text: Any) -> datetime | None:
    """The moment that an ISO 8601 text with its zone names, None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else f"found {value!r}, wanted a text"


def _amount(value: Any) -> str | None:
    fits = type(value) is int and 0 <= value <= MOST
    return None if fits else f"found {value!r}, wanted a whole number from 0 to {MOST}"


def _channel(value: Any) -> str | None:
    return None if value in CHANNELS else f"found {value!r}, wanted one of {', '.join(CHANNELS)}"


def _moment(value: Any) -> str | None:
    return None if parse_moment(value) else f"found {value!r}, wanted an ISO 8601 time with its zone"


def _if_told(check: _Check) -> _Check:
    return lambda value: None if value is None else check(value)


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"found {value!r}, wanted true or false"


def _number(value: Any) -> str | None:
    fits = type(value) in (int, float) and math.isfinite(value) and abs(value) <= MOST
    return None if fits else f"found {value!r}, wanted a number"


def _zone(value: Any) -> str | None:
    try:
        if isinstance(value, str) and (value == "" or load_zone(value)):
            return None
    except UnknownTimeZoneError:
        pass
    return f"found {value!r}, wanted an IANA name such as 'Asia/Tehran'"


_CHECKS: Final[Mapping[str, Mapping[str, _Check]]] = {
    PURCHASED: {
        "order_id": _text,
        "amount": _amount,
        "discount": _if_told(_amount),
        "quantity": _if_told(_amount),
    },
    COUPON_GIVEN: {"code": _text, "expires_at": _if_told(_moment)},
    COUPON_EXPIRED: {"code": _text},
    COUPON_REDEEMED: {"code": _text, "order_id": _text, "discount": _if_told(_amount)},
    **{name: {"channel": _channel, "topic": _if_told(_text)} for name in MESSAGES},
}
_PRODUCT_CHECKS: Final[Mapping[str, _Check]] = {
    "product_id": _text,
    "category": _if_told(_text),
    **dict.fromkeys(("quantity", "amount", "discount"), _if_told(_amount)),
}
_TRAIT_CHECKS: Final[Mapping[str, _Check]] = {"string": _zone, "float64": _number, "boolean": _flag}
