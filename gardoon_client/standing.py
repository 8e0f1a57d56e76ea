"""What is answered about how customers, budgets and groups stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class MessagePlace:
    """A message that takes a place under the caps; `state`: sent or scheduled."""

    journey: str
    channel: str | None
    tags: tuple[str, ...]
    due_at: datetime
    state: str


@dataclass(frozen=True, kw_only=True)
class ChannelAllowance:
    """Whether consent, reach and blacklist leave a channel open, and which of them closed it."""

    open: bool
    closed_by: str | None


@dataclass(frozen=True, kw_only=True)
class CapAllowance:
    """A cap as it stands now; `within`: day, week or month of the calendar, or hours."""

    rule: str
    channel: str | None
    tag: str | None
    within: str | float
    at_most: int
    used: int
    left: int
    frees_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class DrawAllowance:
    """The one draw of the customer's period, and the decision that took it."""

    period: str
    left: int
    decision_id: str | None
    frees_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A journey's coupon budget of the shop's day; `price`: a coupon's cost counts 1 + `price` times."""

    journey: str
    day: str
    limit: int
    used: int
    left: int
    price: float
    elapsed_share: float
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Today's budgets of all journeys that have one."""

    currency: str
    budgets: tuple[Budget, ...]


@dataclass(frozen=True, kw_only=True)
class JourneyAllowance:
    """What one journey may still do for the customer; `free_from`: per channel, None where it never is."""

    journey: str
    group: str
    transactional: bool
    minimum_gap_hours: float
    caps: tuple[CapAllowance, ...]
    free_from: Mapping[str, datetime | None]
    draw: DrawAllowance | None
    budget: Budget | None


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a customer may still get of every journey; `channels`: None where the customer's profile is not known."""

    customer_id: str
    at: datetime
    time_zone: str
    messages: tuple[MessagePlace, ...]
    channels: Mapping[str, ChannelAllowance] | None
    minimum_gap_hours: float
    caps: tuple[CapAllowance, ...]
    journeys: tuple[JourneyAllowance, ...]
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GroupShares:
    """One journey's customers by group against the declared shares; with a `mismatch`, trust no comparison of them."""

    journey: str
    customers: Mapping[str, int]
    shares: Mapping[str, float]
    p_value: float | None
    mismatch: bool


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Sample ratios of all journeys that decided since then."""

    since: datetime
    groups: tuple[GroupShares, ...]
