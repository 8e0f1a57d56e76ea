"""The address as former users write it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_DOUBLED = "//personalizer/"


class OneSlash:
    """Takes `//personalizer/` for `/personalizer/`: endpoints were shown with a slash at their end, paths begin with one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_DOUBLED):
            scope = {**scope, "path": scope["path"][1:], "raw_path": scope.get("raw_path", b"")[1:]}
        await self._app(scope, receive, send)
