"""Deciding, scoring, and looking decisions up."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from service.activating import put_into_effect
from service.decider import scores_of
from service.errors import (
    ActivationExpiredError,
    BodyTooLargeError,
    BusyCustomerError,
    InvalidRequestError,
    KeyInUseError,
    KeyReusedError,
    LogUnavailableError,
    NotReadyError,
    UnknownDecisionError,
    UnknownJourneyError,
    UnusableRequestError,
)
from service.forcing import decide_for
from service.routes.dependencies import SERVER_TIMING, Asking, ClaimedKey, Gardoon, answered, problems
from service.schemas import (
    Activation,
    Answer,
    DecideRequest,
    Identifier,
    LoggedDecision,
    ScoreAnswer,
    ScoreRequest,
)
from service.store.decision_log import read_logged_decision

router = APIRouter()
_UNAVAILABLE = (NotReadyError, LogUnavailableError)
_DECIDE = problems(
    *(UnknownJourneyError, KeyInUseError, BodyTooLargeError),
    *(InvalidRequestError, UnusableRequestError, KeyReusedError),
    *(*_UNAVAILABLE, BusyCustomerError),
)
_ACTIVATE = problems(
    *(UnknownDecisionError, UnknownJourneyError, ActivationExpiredError),
    *(InvalidRequestError, LogUnavailableError),
)


@router.post("/v1/decide", response_model=Answer, responses=_DECIDE, tags=["decisions"])
async def decide_one(request: DecideRequest, gardoon: Gardoon, asking: Asking, claim: ClaimedKey) -> Response:
    """Decide for one customer at one moment; the answer leaves when the decision is durably logged."""
    decided = await decide_for(gardoon, asking, request, claim)
    answer = answered(decided.content, decided.replayed)
    if decided.stages is not None:
        answer.headers[SERVER_TIMING] = decided.stages.server_timing()
    return answer


@router.post(
    "/v1/score", responses=problems(BodyTooLargeError, InvalidRequestError, *_UNAVAILABLE), tags=["decisions"]
)
async def score(request: ScoreRequest, gardoon: Gardoon) -> ScoreAnswer:
    """Score one customer now, without deciding or logging anything."""
    models = gardoon.feed.current
    features = await gardoon.features_of(request.customer_id, gardoon.clock())
    return ScoreAnswer(
        customer_id=request.customer_id,
        scores=scores_of(models.scores(features.values), gardoon.settings.currency),
        versions=models.versions,
        degraded=features.degraded,
    )


@router.post("/v1/decisions/{decision_id}/activate", responses=_ACTIVATE, tags=["decisions"])
async def activate_decision(decision_id: Identifier, gardoon: Gardoon) -> Activation:
    """Put a deferred decision into effect; activating it again changes nothing."""
    since = await asyncio.to_thread(put_into_effect, gardoon, decision_id)
    return Activation(decision_id=decision_id, activated_at=since)


@router.get(
    "/v1/decisions/{decision_id}",
    responses=problems(UnknownDecisionError, InvalidRequestError, LogUnavailableError),
    tags=["decisions"],
)
async def read_decision(decision_id: Identifier, gardoon: Gardoon) -> LoggedDecision:
    """The decision as logged, with what came back."""
    return await asyncio.to_thread(read_logged_decision, gardoon.engine, decision_id)
