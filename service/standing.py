"""What is known of a customer's standing before a decision, and what the decision claims of it.

Both are part of the record. The claims are taken in the transaction that logs the decision, and only if the standing is
still the one that it was decided from; else it is decided again.
"""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from service.schemas import Coupon


class CountedMessage(Struct, frozen=True, kw_only=True):
    """A message that went out or is still to: it counts for the caps."""

    due_at: datetime
    channel: str | None
    journey: str
    tags: tuple[str, ...]


class Draw(Struct, frozen=True, kw_only=True):
    """What the customer drew in this journey and period; no coupon is a draw as well.

    The period's name and end are those of the zone that it was drawn in. `activate_by`: until when a deferred decision that
    is not in effect yet has to be activated; None of any other.
    """

    decision_id: str
    period: str
    ends_at: datetime
    coupon: Coupon | None
    activate_by: datetime | None = None


class BudgetStanding(Struct, frozen=True, kw_only=True):
    """The journey's coupon budget of the day: face value out or used, and the shadow price λ that paces it."""

    day: date
    used: int
    price: float


class Standing(Struct, frozen=True, kw_only=True):
    """Where a customer stands with a journey at one moment; `version` moves with every claim that is taken."""

    version: int = 0
    messages: tuple[CountedMessage, ...] = ()
    draw: Draw | None = None
    budget: BudgetStanding | None = None


class MessageClaim(Struct, frozen=True, kw_only=True):
    """A place under the caps for one message; free again when nothing is heard of it until `lapses_at`."""

    message: CountedMessage
    lapses_at: datetime


class DrawClaim(Struct, frozen=True, kw_only=True):
    """The period's one draw; of a deferred decision it is free again unless that is activated by `lapses_at`."""

    period: str
    ends_at: datetime
    coupon: Coupon | None
    lapses_at: datetime | None


class SpendClaim(Struct, frozen=True, kw_only=True):
    """A coupon, and its face value out of the day's budget, which holds `limit` (None: no limit).

    A deferred decision's is given back unless that is activated by `activate_by`.
    """

    code: str
    currency: str
    day: date
    amount: int
    limit: int | None
    expires_at: datetime
    activate_by: datetime | None


class ActivationClaim(Struct, frozen=True, kw_only=True):
    """A deferred decision that takes effect, with the `coupon` and the `draw` of its own that it has to have still.

    Its message holds its place for `confirm_within_hours` after it is due.
    """

    decision_id: str
    activated_at: datetime
    confirm_within_hours: float
    coupon: bool
    draw: bool


class Claims(Struct, frozen=True, kw_only=True):
    """What one decision takes; `activation` is of the decision whose draw it shows to a customer for good."""

    customer_id: str
    journey: str
    standing_version: int
    message: MessageClaim | None = None
    draw: DrawClaim | None = None
    spend: SpendClaim | None = None
    activation: ActivationClaim | None = None
