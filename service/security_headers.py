"""Headers that keep browsers from doing with answers what nobody meant them to: plain ASGI."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # answers are about customers
}
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What a browser may load for an answer of the API."""
POLICY = "Content-Security-Policy"
FRAMING = "X-Frame-Options"
"""For browsers that know no `frame-ancestors`; an answer with a policy of its own says in that who may frame it."""
SECURITY_HEADERS = {**COMMON, FRAMING: "DENY", POLICY: NOTHING}


def policy_of_page(html: str) -> str:
    """The content security policy of the documentation page: its own inline scripts by their hashes, and Swagger UI."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(sha256(s.encode()).digest()).decode()}'" for s in scripts)
    assets = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"
    return (
        f"default-src 'none'; script-src {hashes} {assets}; style-src 'unsafe-inline' {assets}; "
        "img-src data: https://fastapi.tiangolo.com; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _encode(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


ENCODED = _encode(SECURITY_HEADERS)
"""`SECURITY_HEADERS` as ASGI has headers."""
_POLICY, _FRAMING = POLICY.lower().encode(), FRAMING.lower().encode()


class SecurityHeaders:
    """Adds the headers to every answer that does not set them itself; `pages` are content security policies by path."""

    def __init__(self, app: ASGIApp, pages: Mapping[str, str]) -> None:
        self._app = app
        self._pages = {path: _encode({**SECURITY_HEADERS, POLICY: policy}) for path, policy in pages.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = self._pages.get(scope["path"], ENCODED)
        await self._app(scope, receive, with_security_headers(send, added))


def with_security_headers(send: Send, added: Sequence[tuple[bytes, bytes]] = ENCODED) -> Send:
    """A `send` that adds them to an answer that does not set them itself."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            if _POLICY in given:
                given.add(_FRAMING)
            message["headers"] = [*message["headers"], *(h for h in added if h[0] not in given)]
        await send(message)

    return send_with_headers
