"""Security headers on every answer, and a documentation page that still works under its policy."""

from __future__ import annotations

import base64
import re
from hashlib import sha256

import pytest

from service.security_headers import SECURITY_HEADERS
from tests.service.conftest import Worker


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/nowhere", "/v1/decide", "/metrics"])
def test_every_answer_carries_them(worker: Worker, path: str) -> None:
    response = worker.client.get(path)

    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_an_unexpected_error_carries_them_too(worker: Worker) -> None:
    worker.reader.customers = None  # type: ignore[assignment]

    response = worker.client.post("/v1/decide", json={"customer_id": "c1", "journey": "lucky_wheel"})

    assert response.status_code == 500
    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_documentation_may_run_its_own_script_and_swagger_ui_and_nothing_else(worker: Worker) -> None:
    response = worker.client.get("/docs")

    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    allowed = policy["script-src"].split()
    inline = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    sources = re.findall(r'<(?:script src|link [^>]*stylesheet" href)="([^"]+)"', response.text)
    hashes = [f"'sha256-{base64.b64encode(sha256(s.encode()).digest()).decode()}'" for s in inline]
    assert len(hashes) == 1
    assert allowed == [*hashes, "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"]
    assert len(sources) == 2
    assert all(source.startswith(allowed[1]) for source in sources)
    assert "connect-src" in policy
    assert "unsafe-inline" not in policy["script-src"]
