"""Stands before every endpoint of a protected service: plain ASGI, before a byte of the body is read."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.access import Access
from service.errors import ServiceError
from service.problem import problem_response

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
        access: Access = scope["app"].state.gardoon.access
        if not access.protected:
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # none is served, so none is let in
        else:
            await self._admit(access, scope, receive, send)

    async def _admit(self, access: Access, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            caller = await access.admit(scope["method"], path, dict(scope["headers"]))
        except ServiceError as error:
            scope["app"].state.gardoon.metrics.refused.labels(str(error.status)).inc()
            await problem_response(error, path)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)
