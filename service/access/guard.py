"""Stands before every endpoint of a protected service: plain ASGI, before a byte of the body is read."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.session import read_session
from service.console.refusal import is_of_console, refusal_page
from service.errors import ServiceError
from service.problem import problem_response
from service.state import State

ANYONE = "anyone"
"""Who asks an open service."""


class Guard:
    """Lets a request through, its `Caller` in `request.state.caller` (None at an open endpoint), or answers why not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or await is_let_in(
            scope, dict(scope.get("headers", ())), receive, send
        ):
            await self._app(scope, receive, send)


async def is_let_in(scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> bool:
    """Whether the request may pass, its caller being noted; else it is answered. Who was let in once is not asked again."""
    gardoon: State = scope["app"].state.gardoon
    if not gardoon.access.protected or "caller" in scope.get("state", {}):
        return True
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})  # none is served, so none is let in
        return False
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    of_console = is_of_console(path)
    try:
        session = read_session(gardoon.coupon_keys, headers, gardoon.clock()) if of_console else None
        caller = await gardoon.access.admit(scope["method"], path, headers, session)
    except ServiceError as error:
        gardoon.metrics.refused.labels(str(error.status)).inc()
        refuse = refusal_page if of_console else problem_response
        await refuse(error, path)(scope, receive, send)
        return False
    scope.setdefault("state", {})["caller"] = caller
    return True
