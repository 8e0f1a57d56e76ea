"""A server on a real socket that passes requests to a worker and breaks connections as it is told to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx
from starlette.testclient import TestClient

Fault = Literal["refuse", "lose", "break", "too many", "proxy error"] | None
"""Of one request: closed before it is passed on; passed on, but the answer is lost, or broken off half-way; a 429; a 502
without a problem document."""


class DroppingServer(ThreadingHTTPServer):
    """Takes one fault after another, one a request; none once they are used up."""

    def __init__(self, behind: TestClient | httpx.Client) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind: TestClient | httpx.Client = behind
        self.faults: deque[Fault] = deque()
        self.keys: list[str | None] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: DroppingServer

    def _pass_on(self) -> None:
        server, body = self.server, self.rfile.read(int(self.headers.get("content-length", 0)))
        server.keys.append(self.headers.get("idempotency-key"))
        fault = server.faults.popleft() if server.faults else None
        self.close_connection = True
        if fault == "refuse":
            return
        if fault in ("too many", "proxy error"):
            self._answer(429 if fault == "too many" else 502, {"retry-after": "1"}, b"<html>")
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        response = server.behind.request(self.command, self.path, content=body, headers=headers)
        if fault == "lose":
            return
        kept = {n: v for n, v in response.headers.items() if n in ("content-type", "retry-after")}
        self._answer(response.status_code, kept, response.content, broken=fault == "break")

    def _answer(self, status: int, headers: dict[str, str], content: bytes, broken: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if broken else content)

    do_GET = do_POST = _pass_on  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def dropping_server(behind: TestClient | httpx.Client) -> Iterator[DroppingServer]:
    """The server, listening; ended afterwards."""
    with DroppingServer(behind) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
