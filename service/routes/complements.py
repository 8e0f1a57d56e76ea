"""What goes with a cart."""

from __future__ import annotations

from fastapi import APIRouter

from service.complements.answering import answer_complements
from service.complements.schema import ComplementsAnswer, ComplementsRequest
from service.errors import BodyTooLargeError, InvalidRequestError, LogUnavailableError, NotReadyError
from service.routes.dependencies import Gardoon, problems

router = APIRouter()
_PROBLEMS = problems(BodyTooLargeError, InvalidRequestError, NotReadyError, LogUnavailableError)


@router.post("/v1/complements", responses=_PROBLEMS, tags=["decisions"])
async def complements(request: ComplementsRequest, gardoon: Gardoon) -> ComplementsAnswer:
    """The products that go with a cart, without what is in it, what is excluded and what the customer bought lately."""
    return await answer_complements(gardoon, request)
