"""The routes of the retired Azure Personalizer: its former users change the address they ask."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypeVar

from fastapi import APIRouter, Header, Path, Request, Response

from service.errors import (
    BodyTooLargeError,
    EventReusedError,
    InvalidRankError,
    InvalidRequestError,
    LogUnavailableError,
    UnknownEventError,
)
from service.item_body import read_json, validate_item
from service.openapi import body_of, example_of, reference_to
from service.personalizer.event_log import activate_event, reward_event
from service.personalizer.rank import rank
from service.personalizer.schema import RankAnswer, RankRequest, RewardRequest
from service.routes.dependencies import JSON, Gardoon, problems

router = APIRouter(prefix="/personalizer/v1.0", tags=["personalizer"])
Loop = Annotated[
    str,
    Header(
        alias="Gardoon-Loop",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="what was one Personalizer resource: its events teach a model of its own",
    ),
]
EventId = Annotated[
    str, Path(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["9a1f6c3e-1"])
]
_Model = TypeVar("_Model", RankRequest, RewardRequest)
_BODY = (InvalidRankError, BodyTooLargeError, InvalidRequestError, LogUnavailableError)
_EVENT = problems(UnknownEventError, *_BODY)


@router.post(
    "/rank",
    status_code=201,
    response_model=RankAnswer,
    responses=problems(EventReusedError, *_BODY),
    openapi_extra=body_of(reference_to(RankRequest), example_of(RankRequest)),
)
async def rank_actions(request: Request, gardoon: Gardoon, loop: Loop = "default") -> Response:
    """Choose one of the caller's own actions; the event is durably logged with the probability of each."""
    asked = _read(RankRequest, await request.body())
    content = await asyncio.to_thread(rank, gardoon, loop, asked)
    return Response(content, 201, media_type=JSON)


@router.post(
    "/events/{event_id:path}/reward",
    status_code=204,
    responses=_EVENT,
    openapi_extra=body_of(reference_to(RewardRequest), example_of(RewardRequest)),
)
async def reward_one(
    event_id: EventId, request: Request, gardoon: Gardoon, loop: Loop = "default"
) -> Response:
    """Say how good the action turned out to be; the first reward of an event counts."""
    reward = _read(RewardRequest, await request.body())
    now = gardoon.clock()
    await asyncio.to_thread(reward_event, gardoon.engine, loop, event_id, reward.value, now)
    return Response(status_code=204)


@router.post("/events/{event_id:path}/activate", status_code=204, responses=_EVENT)
async def activate_one(event_id: EventId, gardoon: Gardoon, loop: Loop = "default") -> Response:
    """Say that a deferred ranking was shown: from then on it waits for its reward."""
    await asyncio.to_thread(activate_event, gardoon.engine, loop, event_id, gardoon.clock())
    return Response(status_code=204)


def _read(model: type[_Model], body: bytes) -> _Model:
    """The body as the model has it. Raises `InvalidRankError`: a 400, as the former service answered."""
    try:
        return validate_item(model, read_json(body))
    except InvalidRequestError as error:
        raise InvalidRankError(error.detail) from error
