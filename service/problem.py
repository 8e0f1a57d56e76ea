"""A `ServiceError` as the answer that a caller gets (RFC 9457)."""

from __future__ import annotations

from starlette.responses import JSONResponse

from service.errors import ServiceError

PROBLEM = "application/problem+json"


def problem_response(error: ServiceError) -> JSONResponse:
    """The problem document of the error, with its status and headers."""
    return JSONResponse(error.problem(), error.status, error.headers(), media_type=PROBLEM)
