"""What a run wants done. `action` names one command of one run: the same again is the same thing, not another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from journeys.signal import Decision


@dataclass(frozen=True, kw_only=True)
class WaitUntil:
    """Signal `Due` then; a later one replaces it."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Decide:
    """Ask the service before `until`, with `action` as the idempotency key, and signal `Decided`."""

    action: str
    customer_id: str
    journey: str
    decisions: tuple[str, ...]
    trigger: str
    key: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Suggest:
    """Ask for complements of a cart before `until`, and signal `Suggested`."""

    action: str
    customer_id: str
    cart: tuple[str, ...]
    limit: int
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Send:
    """Send at most once, before `until`, and signal `Sent`; `decision.channel` is None where it is shown on the page."""

    action: str
    customer_id: str
    journey: str
    topic: str
    title: str
    body: str
    decision: Decision
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Withdraw:
    """Tell the service that what was decided is not sent: the customer left the journey before."""

    action: str
    decision_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The run is over."""

    reason: str


Command = WaitUntil | Decide | Suggest | Send | Withdraw | Finish
