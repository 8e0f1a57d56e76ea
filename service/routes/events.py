"""What customers do, as clients of Segment and RudderStack send it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from service.errors import BodyTooLargeError, InvalidRequestError, LogUnavailableError
from service.events.body import read_body
from service.events.intake import take_in_events
from service.events.schema import EventBatch, EventsAnswer
from service.events.shape import Alias, Group, Identify, Message, Page, Track
from service.item_body import validate_item
from service.openapi import body_of, example_of, reference_to
from service.routes.dependencies import Gardoon, problems

router = APIRouter(tags=["events"])
_PROBLEMS = problems(BodyTooLargeError, InvalidRequestError, LogUnavailableError)


def _body(model: type[Message] | type[EventBatch]) -> dict[str, Any]:
    return body_of(reference_to(model), example_of(model))


@router.post("/v1/identify", responses=_PROBLEMS, openapi_extra=_body(Identify))
async def identify(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Say who somebody is and what is known of them; what was told under their anonymous id becomes theirs."""
    return await _take_one(request, gardoon, "identify")


@router.post("/v1/track", responses=_PROBLEMS, openapi_extra=_body(Track))
async def track(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Say what somebody did."""
    return await _take_one(request, gardoon, "track")


@router.post("/v1/page", responses=_PROBLEMS, openapi_extra=_body(Page))
async def page(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Say which page somebody saw."""
    return await _take_one(request, gardoon, "page")


@router.post("/v1/screen", responses=_PROBLEMS, openapi_extra=_body(Page))
async def screen(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Say which screen of an app somebody saw."""
    return await _take_one(request, gardoon, "screen")


@router.post("/v1/alias", responses=_PROBLEMS, openapi_extra=_body(Alias))
async def alias(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Say whose an anonymous id is; what was told under it becomes theirs."""
    return await _take_one(request, gardoon, "alias")


@router.post("/v1/group", responses=_PROBLEMS, openapi_extra=_body(Group))
async def group(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Say which group somebody belongs to; it is kept in their timeline."""
    return await _take_one(request, gardoon, "group")


@router.post("/v1/batch", responses=_PROBLEMS, openapi_extra=_body(EventBatch))
async def batch(request: Request, gardoon: Gardoon) -> EventsAnswer:
    """Take in several messages in one commit; one that cannot be used is kept aside, the others are not held up."""
    sent = validate_item(EventBatch, await _read(request, gardoon.settings.batch_limit_bytes))
    return await take_in_events(gardoon, sent.batch, sent.sentAt)


async def _take_one(request: Request, gardoon: Gardoon, kind: str) -> EventsAnswer:
    message = await _read(request, gardoon.settings.body_limit_bytes)
    return await take_in_events(gardoon, [{**message, "type": kind}])


async def _read(request: Request, limit_bytes: int) -> dict[str, Any]:
    encoding = request.headers.get("content-encoding", "")
    return read_body(await request.body(), encoding, limit_bytes=limit_bytes)
