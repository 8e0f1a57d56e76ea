"""Stands before every endpoint of a protected service: plain ASGI, before a byte of the body is read."""

from __future__ import annotations

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
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        gardoon: State = scope["app"].state.gardoon
        if not gardoon.access.protected:
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # none is served, so none is let in
        else:
            await self._admit(gardoon, scope, receive, send)

    async def _admit(self, gardoon: State, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers, of_console = dict(scope["headers"]), is_of_console(path)
        try:
            session = read_session(gardoon.coupon_keys, headers, gardoon.clock()) if of_console else None
            caller = await gardoon.access.admit(scope["method"], path, headers, session)
        except ServiceError as error:
            gardoon.metrics.refused.labels(str(error.status)).inc()
            refuse = refusal_page if of_console else problem_response
            await refuse(error, path)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)
