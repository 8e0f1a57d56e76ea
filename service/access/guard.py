"""Stands before every endpoint of a protected service: plain ASGI, before a byte of the body is read."""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.access import Access
from service.access.caller import Caller
from service.errors import ServiceError
from service.problem import problem_response

ANYONE = "anyone"


class Guard:
    """Lets a request through with its caller noted, or answers why not."""

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
        try:
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            caller = await access.admit(scope["method"], path, dict(scope["headers"]))
        except ServiceError as error:
            await problem_response(error)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def caller_of(request: Request) -> str:
    """The identity of who asks, `key:ID` or `oidc:SUBJECT`; "anyone" where the service is open."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.identity if caller else ANYONE
