"""Links to the lucky wheel."""

from __future__ import annotations

from fastapi import APIRouter

from service.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    UnknownJourneyError,
    UnusableRequestError,
)
from service.routes.dependencies import Gardoon, problems
from service.wheel.link import make_link
from service.wheel.schema import WheelLink, WheelLinkRequest

router = APIRouter()
_LINK = problems(UnknownJourneyError, BodyTooLargeError, InvalidRequestError, UnusableRequestError)


@router.post("/v1/wheel/links", responses=_LINK, tags=["wheel"])
async def make_wheel_link(request: WheelLinkRequest, gardoon: Gardoon) -> WheelLink:
    """A short-lived link that opens one customer's wheel and names nobody; nothing is drawn before it is spun."""
    return make_link(gardoon, request)
