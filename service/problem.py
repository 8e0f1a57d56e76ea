"""A `ServiceError` as the answer that a caller gets (RFC 9457)."""

from __future__ import annotations

from starlette.responses import JSONResponse

from service.errors import ServiceError

PROBLEM = "application/problem+json"
PERSONALIZER = "/personalizer/"
EVENTS = frozenset(
    f"/v1/{name}" for name in ("identify", "track", "page", "screen", "alias", "group", "batch")
)


def problem_response(error: ServiceError, path: str) -> JSONResponse:
    """The problem document of the error, with its status and headers, as the answer to a request for this path.

    Clients of the Personalizer routes find an `error` in all of them, also in what is said before the routes are reached;
    clients of the event routes `code` and `message`: RudderStack's would otherwise ask again after a refusal, ten times.
    """
    document = error.problem()
    if path in EVENTS:
        document |= {"code": type(error).__name__.removesuffix("Error"), "message": error.detail}
    if path.startswith(PERSONALIZER):
        code = type(error).__name__.removesuffix("Error")
        document = {"error": {"code": code, "message": error.detail}, **document}
    return JSONResponse(document, error.status, error.headers(), media_type=PROBLEM)
