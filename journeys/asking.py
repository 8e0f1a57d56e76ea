"""The service, as far as journeys ask it."""

from __future__ import annotations

from datetime import datetime

from gardoon_client import (
    Client,
    ComplementsRequest,
    DecideRequest,
    GardoonError,
    Outcome,
    OutcomeResult,
    Trigger,
)
from gardoon_client import Decision as Answered
from journeys.command import Decide, Suggest
from journeys.signal import Coupon, Decision


class RefusedOutcomeError(GardoonError):
    """An outcome that the service does not take."""


def ask(client: Client, asked: Decide) -> Decision:
    """What the service decides; the same, however often it is asked. Raises `GardoonError`."""
    trigger = Trigger(name=asked.trigger, key=asked.key or None)
    request = DecideRequest(
        customer_id=asked.customer_id,
        journey=asked.journey,
        decide=asked.decisions,
        trigger=trigger,
        idempotency_key=asked.action,
    )
    return decision_of(client.decide(request))


def decision_of(answered: Answered) -> Decision:
    """The part of an answer that a journey needs."""
    given = answered.coupon
    coupon = None
    if given is not None and given.code is not None:
        coupon = Coupon(
            code=given.code, amount=given.amount, currency=given.currency, expires_at=given.expires_at
        )
    return Decision(
        decision_id=answered.decision_id,
        status=answered.status,
        acts=answered.acts,
        channel=answered.channel,
        send_at=answered.send_at,
        message=answered.message,
        coupon=coupon,
    )


def ask_complements(client: Client, asked: Suggest) -> tuple[str, ...]:
    """What goes with a cart; nothing where only what is popular is known. Raises `GardoonError`."""
    request = ComplementsRequest(cart=asked.cart, customer_id=asked.customer_id, limit=asked.limit)
    answer = client.complements(request)
    return () if answer.fallback is not None else tuple(each.product_id for each in answer.products)


def tell(client: Client, decision_id: str, kind: str, at: datetime) -> None:
    """Tell what became of a message. Raises `GardoonError`, `RefusedOutcomeError` for what the service does not take."""
    outcome = Outcome(
        event_id=f"journeys/{decision_id}/{kind}", decision_id=decision_id, kind=kind, occurred_at=at
    )
    result: OutcomeResult = client.tell([outcome])[0]
    if not result.accepted:
        raise RefusedOutcomeError(f"{outcome.event_id}: {result.status} {result.detail}")
