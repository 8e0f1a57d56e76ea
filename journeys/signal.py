"""What happens to a run: an event, its time has come, or an answer to one of its commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact of the tracking plan; `customer_id` is None for one of the shop's own, such as a price that changed."""

    name: str
    at: datetime
    customer_id: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    def values(self, path: str) -> Iterator[str]:
        """What the event has at a property, or at one of each object of a list (`products.product_id`), as texts."""
        name, _, inner = path.partition(".")
        found = self.properties.get(name)
        if not inner:
            if found is not None:
                yield str(found)
            return
        if isinstance(found, list):
            yield from (
                str(each[inner])
                for each in found
                if isinstance(each, Mapping) and each.get(inner) is not None
            )


@dataclass(frozen=True, kw_only=True)
class Due:
    """The moment that a run waited for has come."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """A code to show or send."""

    code: str
    amount: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the service answered, as far as a journey needs it; `acts`: something is to be sent."""

    decision_id: str
    status: str
    acts: bool
    channel: str | None = None
    send_at: datetime | None = None
    message: str | None = None
    coupon: Coupon | None = None


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The answer to `Decide`; `action` is the command's."""

    action: str
    at: datetime
    decision: Decision


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """The answer to `Suggest`."""

    action: str
    at: datetime
    products: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The end of `Send`, whatever came of it."""

    action: str
    at: datetime


Signal = Event | Due | Decided | Suggested | Sent
