"""Deciding for many customers in one call."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from service.batch import Batch
from service.batch_schema import BatchItem, BatchLine
from service.errors import BodyTooLargeError, InvalidRequestError, LogUnavailableError, NotReadyError
from service.item_body import NDJSON, read_items
from service.openapi import batch_body, example_of, ndjson_answer, reference_to
from service.routes.dependencies import Asking, Gardoon, KeyHeader, problems
from service.schemas import Answer

router = APIRouter()
_EXAMPLE = [
    {"customer_id": "1001", "journey": "lucky_wheel", "idempotency_key": "wheel-1001-7"},
    {"customer_id": "1002", "journey": "lucky_weel"},
]
_LINES = [
    {"index": 0, "status": 200, "answer": example_of(Answer)},
    {"index": 1, **example_of(BatchLine)},
]
_PROBLEMS = problems(BodyTooLargeError, InvalidRequestError, NotReadyError, LogUnavailableError)


class Lines(StreamingResponse):
    """One JSON document a line."""

    media_type = NDJSON


@router.post(
    "/v1/decide/batch",
    response_class=Lines,
    responses={200: ndjson_answer("a BatchLine for each item", _LINES), **_PROBLEMS},
    openapi_extra=batch_body({"type": "array", "items": reference_to(BatchItem)}, _EXAMPLE, _EXAMPLE),
    tags=["decisions"],
)
async def decide_batch(request: Request, gardoon: Gardoon, asking: Asking, key: KeyHeader = None) -> Lines:
    """Decide for up to 1,000 customers, each item accepted or refused by itself; a line for each, in the order sent."""
    items = read_items(request.headers.get("content-type", ""), await request.body())
    _ = gardoon.feed.current  # without champions the whole call is a 503, not a thousand lines
    batch = Batch(gardoon, asking, key)
    await batch.look_up_keys(items)
    return Lines(batch.lines(items))
