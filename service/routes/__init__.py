"""The endpoints, a module a topic; each reads its request, calls one function and answers."""

from __future__ import annotations

from fastapi import APIRouter

from service.routes import (
    batch,
    complements,
    coupons,
    customers,
    decisions,
    events,
    operation,
    outcomes,
    personalizer,
    segments,
    wheel,
)

BATCHES = ("/v1/decide/batch", "/v1/outcomes", "/v1/batch")
"""Endpoints whose bodies hold many items."""
router = APIRouter()
for _topic in (
    *(decisions, batch, complements, outcomes, events, coupons, wheel),
    *(customers, segments, personalizer, operation),
):
    router.include_router(_topic.router)
