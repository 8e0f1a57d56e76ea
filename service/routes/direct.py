"""`POST /v1/decide` without FastAPI's machinery, which takes most of an endpoint's time: plain ASGI before all of it.

What it does not answer itself goes on with its body, so the endpoint in `service/routes/decisions.py` stays what documents
the request, refuses what is wrong with it and is held to the same answers by a test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Request, Response
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.guard import is_let_in
from service.asker import Asker
from service.batch_schema import IdempotencyKey
from service.forcing import decide_for
from service.idempotency import make_claim
from service.routes.dependencies import JSON, REPLAYED, SERVER_TIMING
from service.schemas import DecideRequest
from service.security_headers import ENCODED, with_security_headers
from service.store.key_log import KeyClaim

PATH: Final = "/v1/decide"
_KEY: Final[TypeAdapter[str]] = TypeAdapter(IdempotencyKey)
_CONTENT_TYPE: Final = (b"content-type", JSON.encode())
_REPLAYED: Final = (REPLAYED.lower().encode(), b"true")
_SERVER_TIMING: Final = SERVER_TIMING.lower().encode()
Failed = Callable[[Request, Exception], Awaitable[Response]]


class DirectDecide:
    """Answers a well-formed request to decide; any other one, and what is no such request, goes on to the application.

    limit_bytes: of the body; a larger one is the application's to refuse. failed: what is answered where deciding failed.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, failed: Failed) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if not self._is_plain(scope, headers):
            await self._app(scope, receive, send)
            return
        if not await is_let_in(scope, headers, receive, with_security_headers(send)):
            return
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        asking = Asker.of(scope.get("state", {}).get("caller"))
        asked = _read(scope, headers, messages, asking)
        if asked is None:
            await self._app(scope, _again(messages, receive), send)
            return
        try:
            content, replayed, stages = await decide_for(scope["app"].state.gardoon, asking, *asked)
        except Exception as error:  # noqa: BLE001 - nothing is around this that would answer it
            answer = await self._failed(Request(scope), error)
            await answer(scope, receive, with_security_headers(send))
            return
        found = [(b"content-length", str(len(content)).encode()), _CONTENT_TYPE]
        if replayed:
            found.append(_REPLAYED)
        if stages is not None:
            found.append((_SERVER_TIMING, stages.server_timing().encode()))
        await send({"type": "http.response.start", "status": 200, "headers": found + ENCODED})
        await send({"type": "http.response.body", "body": content})

    def _is_plain(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether the headers are those of a well-formed request: each once, JSON, a body of a length that is allowed."""
        declared = headers.get(b"content-length", b"")
        return (
            headers.get(b"content-type", b"").partition(b";")[0] == _CONTENT_TYPE[1]
            and declared.isdigit()
            and int(declared) <= self._limit_bytes
            and len(headers) == len(scope["headers"])
            and not scope.get("root_path")
        )


def _read(
    scope: Scope, headers: dict[bytes, bytes], messages: list[Message], asking: Asker
) -> tuple[DecideRequest, KeyClaim | None] | None:
    """What is asked, and the claim of its idempotency key; None where FastAPI had better look at it."""
    if messages[-1]["type"] != "http.request":  # the client is gone
        return None
    try:
        content = from_json(b"".join([message.get("body", b"") for message in messages]))
        request = DecideRequest.model_validate(content)
        key = headers.get(b"idempotency-key")
        return request, None if key is None else _claim(scope, asking, key.decode("latin-1"), content)
    except ValueError:  # what is wrong with it FastAPI finds again, and says
        return None


def _claim(scope: Scope, asking: Asker, key: str, content: Any) -> KeyClaim:
    return make_claim(
        scope["app"].state.gardoon, asking.key_scope, _KEY.validate_python(key), f"POST {PATH}", content
    )


def _again(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that begins with these messages."""
    left = iter(messages)

    async def again() -> Message:
        message = next(left, None)
        return message if message is not None else await receive()

    return again
