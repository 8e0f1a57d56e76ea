"""Refuses bodies that are too large before they are read into memory: plain ASGI."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLargeError
from service.problem import problem_response


class BodyLimit:
    """Answers 413 when the declared or the received length of a body exceeds its path's limit, else `limit_bytes`."""

    def __init__(self, app: ASGIApp, limit_bytes: int, by_path: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit = limit_bytes
        self._by_path = by_path or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._limit)
        declared = dict(scope["headers"]).get(b"content-length")
        if declared is None:
            await self._read_first(limit, scope, receive, send)
        elif declared.isdigit() and int(declared) <= limit:
            await self._app(scope, receive, send)  # the server holds the body to its declared length
        else:
            await _refuse(limit, scope, receive, send)

    async def _read_first(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []
        received = 0
        while not messages or messages[-1].get("more_body", False):
            messages.append(await receive())
            received += len(messages[-1].get("body", b""))
            if received > limit:
                await _refuse(limit, scope, receive, send)
                return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)


async def _refuse(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    error = BodyTooLargeError(f"the body is larger than {limit} bytes")
    await problem_response(error, scope["path"])(scope, receive, send)
