"""The endpoints: each reads its request, calls one function and answers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from features.encoding import encode
from service.course import Facts
from service.decider import decide, scores_of
from service.decision_id import decision_id
from service.schemas import (
    Answer,
    DecideRequest,
    Health,
    Identifier,
    LoggedDecision,
    OutcomesAnswer,
    OutcomesRequest,
    Problem,
    ScoreAnswer,
    ScoreRequest,
)
from service.state import State
from service.store.decision_log import ping_log, read_logged_decision
from service.store.outcome_log import record_outcomes

router = APIRouter()


def state(request: Request) -> State:
    """The worker's state."""
    found: State = request.app.state.gardoon
    return found


Gardoon = Annotated[State, Depends(state)]
_JSON = "application/json"


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": schema} for status in statuses}


@router.post("/v1/decide", response_model=Answer, responses=_problems(404, 413, 422, 503), tags=["decisions"])
async def decide_one(request: DecideRequest, gardoon: Gardoon) -> Response:
    """Decide for one customer at one moment; the answer leaves when the decision is durably logged."""
    with gardoon.metrics.decide_seconds.time():
        rules, models, now = gardoon.rules_of(request.journey), gardoon.feed.current, gardoon.clock()
        stored = gardoon.reader.read(request.customer_id)
        features = encode(stored, now=now, schema=gardoon.schema)
        identity = decision_id(int(now.timestamp() * 1000), gardoon.randomness(10))
        record = decide(Facts(identity, now, request, features), models, rules)
        if not request.dry_run:
            await gardoon.log.append(record)
    gardoon.metrics.count_decision(record)
    return Response(record.answer, media_type=_JSON)


@router.post("/v1/score", responses=_problems(413, 422, 503), tags=["decisions"])
async def score(request: ScoreRequest, gardoon: Gardoon) -> ScoreAnswer:
    """Score one customer now, without deciding or logging anything."""
    models = gardoon.feed.current
    stored = gardoon.reader.read(request.customer_id)
    features = encode(stored, now=gardoon.clock(), schema=gardoon.schema)
    return ScoreAnswer(
        customer_id=request.customer_id,
        scores=scores_of(models.scores(features.values), gardoon.settings.currency),
        versions=models.versions,
        degraded=features.degraded,
    )


@router.get("/v1/decisions/{decision_id}", responses=_problems(404, 422), tags=["decisions"])
async def read_decision(decision_id: Identifier, gardoon: Gardoon) -> LoggedDecision:
    """The decision as logged, with what came back."""
    return await asyncio.to_thread(read_logged_decision, gardoon.engine, decision_id)


@router.post("/v1/outcomes", responses=_problems(413, 422, 503), tags=["outcomes"])
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


@router.get("/healthz", tags=["operation"])
async def healthz() -> Health:
    """Whether the process lives."""
    return Health(status="alive")


@router.get("/readyz", responses=_problems(503), tags=["operation"])
async def readyz(gardoon: Gardoon) -> Health:
    """Whether decisions can be made and logged: models are loaded and the log answers."""
    versions = gardoon.feed.current.versions
    await asyncio.to_thread(ping_log, gardoon.engine)
    return Health(status="ready", versions=versions)


@router.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
async def metrics(gardoon: Gardoon) -> Response:
    """Prometheus metrics of this worker."""
    return Response(generate_latest(gardoon.metrics.registry), media_type=CONTENT_TYPE_LATEST)
