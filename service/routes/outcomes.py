"""Taking in what came back."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from service.routes.dependencies import Gardoon, problems
from service.schemas import OutcomesAnswer, OutcomesRequest
from service.store.outcome_log import record_outcomes

router = APIRouter()


@router.post("/v1/outcomes", responses=problems(413, 422, 503), tags=["outcomes"])
async def take_outcomes(request: OutcomesRequest, gardoon: Gardoon) -> OutcomesAnswer:
    """Take in what came back about decisions; each outcome is accepted or refused on its own."""
    results = await asyncio.to_thread(
        record_outcomes,
        gardoon.engine,
        request.outcomes,
        currency=gardoon.settings.currency,
        received_at=gardoon.clock(),
    )
    gardoon.metrics.count_outcomes(request.outcomes, results)
    return OutcomesAnswer(accepted=sum(result.status == 202 for result in results), results=tuple(results))
