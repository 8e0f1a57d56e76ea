"""What the console says when it does not show a page: a way to log in, or why not."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.console.page import render
from service.errors import ServiceError

HOME = "/console"
LOGIN = f"{HOME}/login"


def is_of_console(path: str) -> bool:
    """Whether a path is the console's."""
    return path == HOME or path.startswith(f"{HOME}/")


def refusal_page(error: ServiceError, path: str) -> ASGIApp:
    """The answer to a request for this path that is not let in."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await refusal(Request(scope), error, path)(scope, receive, send)

    return answer


def refusal(request: Request, error: ServiceError, path: str) -> Response:
    """The login where nobody is known, else a page with the error and its status."""
    if error.status == 401:
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}{LOGIN}?next={quote(path)}", 303)
    page = render(request, "refused.html", status=error.status, error=error)
    page.headers.update(error.headers())
    return page
