"""What the OpenAPI document says of access: how to prove who one is, the scope of each endpoint, and the refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
}


def add_access(document: dict[str, Any], endpoints: Mapping[str, Scope | None] = ENDPOINTS) -> None:
    """Add the security scheme, and to every endpoint that is not open its scope and refusals."""
    document.setdefault("components", {})["securitySchemes"] = SCHEMES
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scope = endpoints.get(f"{method.upper()} {path}")
            if scope is OPEN:
                continue
            operation["security"] = [{"bearer": [scope.value]}]
            for status, description in _REFUSALS.items():
                refusal = {"description": description, "content": _PROBLEM}
                operation["responses"].setdefault(status, refusal)
