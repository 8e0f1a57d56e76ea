"""What endpoints share: the worker's state, and how the problems they may answer with are documented."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from service.schemas import Problem
from service.state import State

JSON = "application/json"


def state(request: Request) -> State:
    """The worker's state."""
    found: State = request.app.state.gardoon
    return found


Gardoon = Annotated[State, Depends(state)]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of these error statuses."""
    schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": schema} for status in statuses}
