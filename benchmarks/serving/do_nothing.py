"""The floor: an endpoint with the body and the answer of `POST /v1/decide` that does nothing.

`create_app` reads the one answer that it gives from the file that `GARDOON_FIXED_ANSWER` names. `bare` is less than that,
an application without a framework: what the load generator can ask at most.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from service.schemas import Answer, DecideRequest

FIXED_ANSWER = "GARDOON_FIXED_ANSWER"


def create_app() -> FastAPI:
    """Validates the body, answers the fixed answer through the response model."""
    answer = msgspec.json.decode(Path(os.environ[FIXED_ANSWER]).read_bytes(), type=Answer)
    app = FastAPI()

    @app.post("/v1/decide", response_model=Answer)
    async def decide(_request: DecideRequest) -> Answer:
        return answer

    return app


async def bare(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Reads the body, answers two bytes."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    head = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"{}"})
