"""What endpoints share: the worker's state, and how the problems they may answer with are documented."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError

from service.asker import Asker
from service.batch_schema import IdempotencyKey
from service.errors import ServiceError
from service.idempotency import make_claim
from service.item_body import is_ndjson
from service.openapi import EXAMPLES
from service.problem import PROBLEM
from service.schemas import Problem
from service.state import State
from service.store.key_log import KeyClaim

JSON = "application/json"
REPLAYED = "Idempotency-Replayed"
SERVER_TIMING = "Server-Timing"


def state(request: Request) -> State:
    """The worker's state."""
    found: State = request.app.state.gardoon
    return found


Gardoon = Annotated[State, Depends(state)]


def asker(request: Request) -> Asker:
    """Who asks."""
    return Asker.of(getattr(request.state, "caller", None))


Asking = Annotated[Asker, Depends(asker)]
KeyHeader = Annotated[
    IdempotencyKey | None,
    Header(alias="Idempotency-Key", description="send a retry with the same key: it gets the first answer"),
]


async def claim(request: Request, gardoon: Gardoon, asking: Asking, key: KeyHeader = None) -> KeyClaim | None:
    """The claim of the request's idempotency key; None where it has none."""
    if key is None:
        return None
    try:
        lines = is_ndjson(request.headers.get("content-type", ""))
        body = (await request.body()).decode("latin-1") if lines else await request.json()
    except ValueError as error:
        raise RequestValidationError([{"loc": ("body",), "msg": "not JSON", "type": "json"}]) from error
    return make_claim(gardoon, asking.key_scope, key, f"{request.method} {request.url.path}", body)


ClaimedKey = Annotated[KeyClaim | None, Depends(claim)]


def answered(content: bytes, replayed: bool) -> Response:
    """A JSON answer of these bytes, marked where it is a repetition of an earlier one."""
    return Response(content, media_type=JSON, headers={REPLAYED: "true"} if replayed else None)


def problems(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of these errors, an example of each."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        shown: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        entry = {"model": Problem, "content": {PROBLEM: shown}}
        examples = found.setdefault(kind.status, entry)["content"][PROBLEM]["examples"]
        examples[kind.__name__] = {"$ref": EXAMPLES + kind.__name__}
    return found
