"""What the OpenAPI document says of access: how to prove who one is, the scope of each endpoint, and the refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.routing import compile_path

from service.access.scope import ENDPOINTS, OPEN, Scope

SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`gdn_...`) or a token of the OIDC issuer. Needed once there is a key or an issuer.",
    },
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSALS = {
    "401": "No API key or token, or one that is not accepted",
    "403": "The caller lacks the scope",
    "429": "The caller asked more often than its limit",
    "503": "Who asks cannot be told: the keys could not be read for a while",
}


def add_access(document: dict[str, Any], endpoints: Mapping[str, Scope | None] = ENDPOINTS) -> None:
    """Add the security scheme, and to every endpoint that is not open its scope and refusals."""
    document.setdefault("components", {})["securitySchemes"] = SCHEMES
    scopes = {_as_documented(endpoint): scope for endpoint, scope in endpoints.items()}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scope = scopes.get(f"{method.upper()} {path}")
            if scope is OPEN:
                continue
            operation["security"] = [{"bearer": [scope.value]}]
            for status, description in _REFUSALS.items():
                refusal = {"description": description, "content": _PROBLEM}
                operation["responses"].setdefault(status, refusal)


def _as_documented(endpoint: str) -> str:
    """The endpoint without its parameters' converters."""
    method, path = endpoint.split(" ")
    return f"{method} {compile_path(path)[1]}"
