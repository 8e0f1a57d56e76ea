"""What `run` shows once the service answers: a question and its answer, or where the key goes when one is needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.access.key_store import add_key
from service.access.scope import Scope
from service.greeting import greet
from service.settings import Settings
from service.store.engine import open_log
from tests.service.access.callers import made_key


@contextmanager
def ready_service() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that says it is ready, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append(f"{self.command} {self.path}")
            content = json.dumps({"status": "hold"}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *_told: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def test_an_open_service_is_asked_and_its_answer_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ready_service() as (address, asked):
        greet(address, Settings(var=tmp_path))

    shown = capsys.readouterr().out
    assert asked == ["GET /readyz", "POST /v1/decide"]
    assert '"status": "hold"' in shown
    assert "authorization" not in shown
    assert "Ctrl-C stops it" in shown


def test_where_a_key_is_needed_the_command_says_where_it_goes_and_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(var=tmp_path)
    engine = open_log(settings.log_url)
    with engine.begin() as connection:
        add_key(connection, made_key(Scope.DECIDE)[0])
    engine.dispose()

    with ready_service() as (address, asked):
        greet(address, settings)

    shown = capsys.readouterr().out
    assert asked == ["GET /readyz"]
    assert "-H 'authorization: Bearer YOUR-KEY'" in shown
    assert "Ctrl-C stops it" in shown
