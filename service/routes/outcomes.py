"""Taking in what came back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    KeyInUseError,
    KeyReusedError,
    LogUnavailableError,
)
from service.idempotency import answer_once
from service.item_body import read_items
from service.openapi import batch_body, example_of, reference_to
from service.routes.dependencies import ClaimedKey, Gardoon, answered, problems
from service.schemas import OutcomesAnswer, OutcomesRequest
from service.taking_in import take_in

router = APIRouter()
_EXAMPLE = example_of(OutcomesRequest)
_PROBLEMS = problems(
    KeyInUseError, BodyTooLargeError, InvalidRequestError, KeyReusedError, LogUnavailableError
)


@router.post(
    "/v1/outcomes",
    response_model=OutcomesAnswer,
    responses=_PROBLEMS,
    openapi_extra=batch_body(reference_to(OutcomesRequest), _EXAMPLE, _EXAMPLE["outcomes"]),
    tags=["outcomes"],
)
async def take_outcomes(request: Request, gardoon: Gardoon, claim: ClaimedKey) -> Response:
    """Take in what came back about decisions; each outcome is accepted or refused on its own."""
    items = read_items(request.headers.get("content-type", ""), await request.body(), "outcomes")

    async def take() -> bytes:
        return (await take_in(gardoon, items)).model_dump_json().encode()

    return answered(*await answer_once(gardoon, claim, take))
