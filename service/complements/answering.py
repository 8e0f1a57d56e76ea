"""From a cart to the products that go with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from models.complements import Complement, Complements
from service.complements.feed import Published
from service.complements.schema import (
    ComplementNow,
    ComplementsAnswer,
    ComplementsRequest,
    Excluded,
    Fallback,
    Reason,
)
from service.state import State
from service.store.purchases import read_bought


async def answer_complements(gardoon: State, request: ComplementsRequest) -> ComplementsAnswer:
    """What goes with the cart now. Raises `NotReadyError`."""
    published, days = gardoon.complements.current, request.bought_within_days
    if days is None:
        days = published.complements.lately_days
    with gardoon.metrics.complements_seconds.time():
        bought: tuple[str, ...] = ()
        if request.customer_id is not None and days > 0:
            since = gardoon.clock() - timedelta(days=days)
            bought = await asyncio.to_thread(read_bought, gardoon.engine, request.customer_id, since)
        answer = compose_answer(published, request, bought, days)
    gardoon.metrics.complements.labels(answer.fallback or "complements").inc()
    return answer


def compose_answer(
    published: Published, request: ComplementsRequest, bought: Sequence[str], days: int
) -> ComplementsAnswer:
    """The answer for a customer who bought these products within so many days."""
    complements = published.complements
    found, fallback = _offer(complements, request, (*request.exclude, *bought))
    return ComplementsAnswer(
        products=tuple(ComplementNow(**asdict(each)) for each in found),
        fallback=fallback,
        unknown=tuple(each for each in dict.fromkeys(request.cart) if not complements.knows(each)),
        excluded=_excluded(request, bought),
        bought_within_days=days,
        versions={"complements": published.digest},
    )


def _offer(
    complements: Complements, request: ComplementsRequest, leave_out: Sequence[str]
) -> tuple[Sequence[Complement], Fallback | None]:
    """What goes with the cart, or what is popular and why."""
    found = complements.complements_of(request.cart, leave_out, request.limit)
    if found:
        return found, None
    popular = complements.most_popular((*request.cart, *leave_out), request.limit)
    if not request.cart:
        return popular, "empty_cart"
    known = any(map(complements.knows, request.cart))
    return popular, "no_complements" if known else "unknown_cart"


def _excluded(request: ComplementsRequest, bought: Sequence[str]) -> tuple[Excluded, ...]:
    """Each product once; of several reasons the request's own go before what was bought."""
    reasons: dict[str, Reason] = {
        **dict.fromkeys(bought, "bought_lately"),
        **dict.fromkeys(request.exclude, "excluded"),
        **dict.fromkeys(request.cart, "in_cart"),
    }
    return tuple(Excluded(product_id=product, reason=reason) for product, reason in reasons.items())
