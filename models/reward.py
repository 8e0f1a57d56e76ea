"""Outcomes to a reward: pending and undelivered are not zero."""

from __future__ import annotations

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


_SEEN = {
    OutcomeKind.DELIVERED,
    OutcomeKind.OPENED,
    OutcomeKind.CLICKED,
    OutcomeKind.REDEEMED,
    OutcomeKind.UNSUBSCRIBED,
}


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


class State(StrEnum):
    """What is known of a reward."""

    PENDING = "pending"
    VOID = "void"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Resolution:
    """A reward and its state; the reward counts only when resolved."""

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
    """The reward of one decision whose message or offer took effect at `effective_at`, on this channel.

    Void when it was not delivered, or the window closed without a sign of delivery where deliveries are reported; pending
    while the window is open and nothing decisive came back; resolved as soon as a click or an order did, and corrected by
    calling again when more comes in (a second order, a refund: those count until the window's end and after it too).
    """
    window_end = effective_at + timedelta(hours=spec.window_hours)
    kinds = {outcome.kind for outcome in outcomes}
    reported = spec.delivery == "reported"
    if reported and OutcomeKind.UNDELIVERED in kinds and not kinds & _SEEN:
        return Resolution(State.VOID)
    inside = [o for o in outcomes if o.occurred_at <= window_end or o.kind is OutcomeKind.REFUNDED]
    decisive = {OutcomeKind.CLICKED} if spec.kind == "click" else {OutcomeKind.PURCHASED}
    if any(outcome.kind in decisive for outcome in inside) or now > window_end:
        if reported and not kinds & _SEEN:
            return Resolution(State.VOID)
        return Resolution(State.RESOLVED, _reward(spec, inside) - spec.cost_of(channel))
    return Resolution(State.PENDING)


def _reward(spec: RewardSpec, outcomes: Sequence[Outcome]) -> float:
    def total(kind: OutcomeKind) -> float:
        return sum(outcome.value for outcome in outcomes if outcome.kind is kind)

    if spec.kind == "click":
        clicked = any(outcome.kind is OutcomeKind.CLICKED for outcome in outcomes)
        unsubscribed = any(outcome.kind is OutcomeKind.UNSUBSCRIBED for outcome in outcomes)
        return float(clicked) - spec.unsubscribe_cost * unsubscribed
    purchased = max(total(OutcomeKind.PURCHASED) - total(OutcomeKind.REFUNDED), 0.0)
    return (spec.margin_share * purchased - total(OutcomeKind.REDEEMED)) / 1000
