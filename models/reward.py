"""Outcomes to a reward: pending and undelivered are not zero, an open window is not closed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal


class OutcomeKind(StrEnum):
    """A fact that came back about a decision."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    OPENED = "opened"
    CLICKED = "clicked"
    PURCHASED = "purchased"
    REDEEMED = "redeemed"
    REFUNDED = "refunded"
    UNSUBSCRIBED = "unsubscribed"


SEEN = {
    OutcomeKind.DELIVERED,
    OutcomeKind.OPENED,
    OutcomeKind.CLICKED,
    OutcomeKind.REDEEMED,
    OutcomeKind.UNSUBSCRIBED,
}
"""Outcomes that only a message which was delivered can have."""


@dataclass(frozen=True)
class Outcome:
    """One fact: `value` is an amount in the shop's currency for purchased, redeemed and refunded, else 0."""

    kind: OutcomeKind
    value: float
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True)
class RewardSpec:
    """How outcomes become a reward.

    click: 1 when clicked within the window, less the message's cost (both in clicks), and `unsubscribe_cost` off.
    net_value: margin_share·(purchased - refunded) - redeemed - the message's cost, in thousands of the shop's currency, of
    what happened within the window.
    `message_cost`: of any message, or by channel; see `cost_of`.
    `delivery`: "reported" when the journey engine reports deliveries, so that silence is no zero; "assumed" when showing is
    certain, as on a page that asked for the decision.
    """

    kind: Literal["click", "net_value"]
    window_hours: float
    delivery: Literal["reported", "assumed"] = "reported"
    margin_share: float = 0.2
    message_cost: float | Mapping[str, float] = 0.0
    unsubscribe_cost: float = 0.0

    def cost_of(self, channel: str | None) -> float:
        """What one message on this channel costs; by channel, one not named there and no message at all cost nothing.

        >>> RewardSpec(kind="click", window_hours=24, message_cost={"sms": 0.002}).cost_of("sms")
        0.002
        """
        if isinstance(self.message_cost, Mapping):
            return self.message_cost.get(channel or "", 0.0)
        return self.message_cost

    def reward_of(self, outcomes: Sequence[Outcome], channel: str | None) -> float:
        """The reward that these outcomes make, on this channel; of none, what silence is worth."""
        return _earned(self, outcomes) - self.cost_of(channel)

    @property
    def decisive(self) -> OutcomeKind:
        """The outcome that earns."""
        return OutcomeKind.CLICKED if self.kind == "click" else OutcomeKind.PURCHASED

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that a reward can be.

        >>> RewardSpec(kind="click", window_hours=24, message_cost=0.25, unsubscribe_cost=1.0).bounds
        (-1.25, 0.75)
        """
        if self.kind == "net_value":
            return -math.inf, math.inf
        costs = (
            (0.0, *self.message_cost.values())
            if isinstance(self.message_cost, Mapping)
            else (self.message_cost,)
        )
        return -max(costs) - self.unsubscribe_cost, 1 - min(costs)


def _earned(spec: RewardSpec, outcomes: Sequence[Outcome]) -> float:
    def total(kind: OutcomeKind) -> float:
        return sum(outcome.value for outcome in outcomes if outcome.kind is kind)

    if spec.kind == "click":
        clicked = any(outcome.kind is OutcomeKind.CLICKED for outcome in outcomes)
        unsubscribed = any(outcome.kind is OutcomeKind.UNSUBSCRIBED for outcome in outcomes)
        return float(clicked) - spec.unsubscribe_cost * unsubscribed
    purchased = max(total(OutcomeKind.PURCHASED) - total(OutcomeKind.REFUNDED), 0.0)
    return (spec.margin_share * purchased - total(OutcomeKind.REDEEMED)) / 1000


class State(StrEnum):
    """What is known of a reward: nothing yet, that there is none, what came so far, or all of it."""

    PENDING = "pending"
    VOID = "void"
    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Resolution:
    """A reward and its state: all of it when resolved, what came so far while open, else without meaning."""

    state: State
    reward: float = 0.0


def resolve(
    spec: RewardSpec,
    outcomes: Sequence[Outcome],
    *,
    effective_at: datetime,
    now: datetime,
    channel: str | None = None,
) -> Resolution:
    """The reward of one decision whose message or offer was to take effect at `effective_at`, on this channel.

    Pending before it takes effect and, where deliveries are reported, until a sign of one; void when it was not delivered,
    or the window closed without a sign; open while more may come; resolved when the window has closed, and corrected by
    calling again when more comes in (a refund, a late report). A click is the message's own whenever it comes; an order
    counts from when the message took effect, or was seen if that was earlier, to the window's end.
    """
    window_end = effective_at + timedelta(hours=spec.window_hours)
    seen_at = [outcome.occurred_at for outcome in outcomes if outcome.kind in SEEN]
    reported, closed = spec.delivery == "reported", now > window_end
    if reported and not seen_at:
        undelivered = any(outcome.kind is OutcomeKind.UNDELIVERED for outcome in outcomes)
        return Resolution(State.VOID if closed or undelivered else State.PENDING)
    if now < effective_at:
        return Resolution(State.PENDING)
    began_at = min([effective_at, *seen_at])
    inside = [o for o in outcomes if o.occurred_at <= window_end or o.kind is OutcomeKind.REFUNDED]
    counted = [o for o in inside if o.occurred_at >= began_at]
    return Resolution(State.RESOLVED if closed else State.OPEN, spec.reward_of(counted, channel))
