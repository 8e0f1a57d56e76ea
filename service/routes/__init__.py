"""The endpoints, a module a topic; each reads its request, calls one function and answers."""

from __future__ import annotations

from fastapi import APIRouter

from service.routes import batch, coupons, customers, decisions, operation, outcomes, personalizer

BATCHES = ("/v1/decide/batch", "/v1/outcomes")
"""Endpoints whose bodies hold many items."""
router = APIRouter()
for _topic in (decisions, batch, outcomes, coupons, customers, personalizer, operation):
    router.include_router(_topic.router)
