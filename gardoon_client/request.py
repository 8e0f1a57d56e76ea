"""What is asked, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal

Fact = bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What made the journey ask; `key`: what it is about, a cart or a product."""

    name: str
    at: datetime | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class DecideRequest:
    """One customer at one moment of one journey; the fields are those of `POST /v1/decide`.

    idempotency_key: what makes a later attempt, of this process or another, the same request; without one, the client makes
    one that holds for its own retries.
    """

    customer_id: str
    journey: str
    decide: Sequence[str] = ()
    context: Mapping[str, Fact] = field(default_factory=dict)
    trigger: Trigger | None = None
    eligible: Mapping[str, Sequence[str]] = field(default_factory=dict)
    excluded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    baseline: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)
    deadline_at: datetime | None = None
    timeout_ms: int | None = None
    activate: Literal["now", "deferred"] = "now"
    dry_run: bool = False
    explain: Literal["none", "scores", "counterfactual"] = "none"
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One fact that came back about a decision; `event_id`: the caller's own, sending it again changes nothing."""

    event_id: str
    decision_id: str
    kind: str
    occurred_at: datetime
    value: float = 0.0
    currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class RedeemRequest:
    """A coupon that an order uses, by its code or its token; the same order again gets the same answer.

    order_value: what it is taken off, at most; customer_id: whose it has to be.
    """

    order_id: str
    code: str | None = None
    token: str | None = None
    order_value: int | None = None
    customer_id: str | None = None


def as_json(value: Any) -> dict[str, Any]:
    """The value's fields as JSON has them; what is left at nothing is left out.

    Raises: `ValueError` for a time without a zone.
    """
    content = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return {name: found for name, found in content.items() if found not in (None, {}, [], "")}


def in_zone(moment: datetime) -> str:
    """The moment in ISO 8601. Raises: `ValueError` for one without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"found the time {moment} without a zone; wanted one with")
    return moment.isoformat()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return in_zone(value)
    if is_dataclass(value):
        return as_json(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value
