"""What endpoints share: the worker's state, and how the problems they may answer with are documented."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError

from service.batch_schema import IdempotencyKey
from service.idempotency import make_claim
from service.schemas import Problem
from service.state import State
from service.store.key_log import Claim

JSON = "application/json"
REPLAYED = "Idempotency-Replayed"


def state(request: Request) -> State:
    """The worker's state."""
    found: State = request.app.state.gardoon
    return found


Gardoon = Annotated[State, Depends(state)]


def caller(_request: Request) -> str:
    """Whose idempotency keys these are: nobody has a key of their own yet, so all callers share one scope."""
    return ""


Caller = Annotated[str, Depends(caller)]
KeyHeader = Annotated[
    IdempotencyKey | None,
    Header(alias="Idempotency-Key", description="send a retry with the same key: it gets the first answer"),
]


async def claim(request: Request, gardoon: Gardoon, scope: Caller, key: KeyHeader = None) -> Claim | None:
    """The claim of the request's idempotency key; None where it has none."""
    if key is None:
        return None
    try:
        body = await request.json()
    except ValueError as error:
        raise RequestValidationError([{"loc": ("body",), "msg": "not JSON", "type": "json"}]) from error
    return make_claim(gardoon, scope, key, f"{request.method} {request.url.path}", body)


ClaimedKey = Annotated[Claim | None, Depends(claim)]


def answered(content: bytes, replayed: bool) -> Response:
    """A JSON answer of these bytes, marked where it is a repetition of an earlier one."""
    return Response(content, media_type=JSON, headers={REPLAYED: "true"} if replayed else None)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of these error statuses."""
    schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": schema} for status in statuses}
