"""`POST /v1/decide` without FastAPI's machinery, which takes most of an endpoint's time: a plain route before its own.

What it does not answer itself goes on with its body, so the endpoint in `service/routes/decisions.py` stays what documents
the request, refuses what is wrong with it and is held to the same answers by a test.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Message, Receive, Scope, Send

from service.asker import Asker
from service.batch_schema import IdempotencyKey
from service.forcing import decide_for
from service.idempotency import make_claim
from service.routes.dependencies import JSON, REPLAYED, SERVER_TIMING
from service.schemas import DecideRequest
from service.store.key_log import KeyClaim

PATH: Final = "/v1/decide"
_KEY: Final[TypeAdapter[str]] = TypeAdapter(IdempotencyKey)
_CONTENT_TYPE: Final = (b"content-type", JSON.encode())
_REPLAYED: Final = (REPLAYED.lower().encode(), b"true")
_SERVER_TIMING: Final = SERVER_TIMING.lower().encode()


class DirectDecide:
    """Answers a well-formed request to decide; any other one goes to the endpoint's own route, `documented`."""

    def __init__(self, documented: BaseRoute) -> None:
        self._documented = documented

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        asking = Asker.of(scope.get("state", {}).get("caller"))
        asked = _read(scope, messages, asking)
        if asked is None:
            _, found = self._documented.matches(scope)
            await self._documented.handle({**scope, **found}, _again(messages, receive), send)
            return
        content, replayed, stages = await decide_for(scope["app"].state.gardoon, asking, *asked)
        headers = [(b"content-length", str(len(content)).encode()), _CONTENT_TYPE]
        if replayed:
            headers.append(_REPLAYED)
        if stages is not None:
            headers.append((_SERVER_TIMING, stages.server_timing().encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def answer_directly(app: FastAPI) -> None:
    """Put the direct route before the documented one, which must be among the application's routes."""
    routes, asked = app.router.routes, {"type": "http", "method": "POST", "path": PATH, "path_params": {}}
    documented = next(each for each in routes if each.matches(dict(asked))[0] is Match.FULL)
    routes.insert(0, Route(PATH, DirectDecide(documented), methods=["POST"], include_in_schema=False))


def _read(
    scope: Scope, messages: list[Message], asking: Asker
) -> tuple[DecideRequest, KeyClaim | None] | None:
    """What is asked, and the claim of its idempotency key; None where FastAPI had better look at it."""
    headers = dict(scope["headers"])
    is_json = headers.get(b"content-type", b"").partition(b";")[0] == _CONTENT_TYPE[1]
    is_whole = messages[-1]["type"] == "http.request"  # else the client is gone
    if not (is_json and is_whole) or len(headers) < len(scope["headers"]) or scope.get("root_path"):
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
