"""The scope of every endpoint, in one table: what is not listed here cannot be reached in a protected service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from starlette.routing import compile_path

from service.errors import MethodNotAllowedError, UnknownEndpointError


class Scope(StrEnum):
    """A kind of request. None contains another: a caller may do exactly what its scopes name."""

    DECIDE = "decide"
    """Decide, put a deferred decision into effect, make links to the wheel, and ask what goes with a cart."""
    OUTCOMES = "outcomes"
    """Tell what came back."""
    EVENTS = "events"
    """Tell what customers do."""
    READ = "read"
    """Look at customers' scores, decisions and standing, and at metrics."""
    ADMIN = "admin"
    """Change how the service decides, erase and export."""


OPEN = None
"""In place of a scope: anyone may ask, whoever it is."""

ENDPOINTS: Mapping[str, Scope | None] = {
    "POST /v1/decide": Scope.DECIDE,
    "POST /v1/decide/batch": Scope.DECIDE,
    "POST /v1/complements": Scope.DECIDE,
    "POST /v1/wheel/links": Scope.DECIDE,
    "POST /v1/score": Scope.READ,
    "GET /v1/decisions/{decision_id}": Scope.READ,
    "POST /v1/decisions/{decision_id}/activate": Scope.DECIDE,
    "GET /v1/customers/{customer_id}": Scope.READ,
    "GET /v1/customers/{customer_id}/allowance": Scope.READ,
    "GET /v1/budgets": Scope.READ,
    "GET /v1/groups": Scope.READ,
    "GET /v1/segments": Scope.READ,
    "POST /v1/outcomes": Scope.OUTCOMES,
    "POST /v1/identify": Scope.EVENTS,
    "POST /v1/track": Scope.EVENTS,
    "POST /v1/page": Scope.EVENTS,
    "POST /v1/screen": Scope.EVENTS,
    "POST /v1/alias": Scope.EVENTS,
    "POST /v1/group": Scope.EVENTS,
    "POST /v1/batch": Scope.EVENTS,
    "POST /v1/coupons/redeem": Scope.OUTCOMES,
    "GET /v1/coupons/keys": OPEN,
    "GET /v1/coupons/{code}": Scope.OUTCOMES,
    "POST /personalizer/v1.0/rank": Scope.DECIDE,
    "POST /personalizer/v1.0/events/{event_id:path}/reward": Scope.OUTCOMES,
    "POST /personalizer/v1.0/events/{event_id:path}/activate": Scope.DECIDE,
    "GET /console": Scope.READ,
    "GET /console/decisions": Scope.READ,
    "GET /console/decisions/{decision_id}": Scope.READ,
    "GET /console/customer": Scope.READ,
    "GET /console/policies": Scope.READ,
    "GET /console/budget": Scope.READ,
    "GET /console/experiments": Scope.READ,
    "GET /console/retention": Scope.READ,
    "GET /console/funnel": Scope.READ,
    "GET /console/value": Scope.READ,
    "GET /console/economics": Scope.READ,
    "GET /console/health": Scope.READ,
    "GET /console/reports/{name}": Scope.READ,
    "GET /console/login": OPEN,
    "POST /console/login": OPEN,
    "POST /console/logout": OPEN,
    "GET /console/static/{name}": OPEN,
    "GET /wheel": OPEN,
    "POST /wheel": OPEN,
    "GET /wheel/static/{name}": OPEN,
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": Scope.READ,
    "GET /docs": OPEN,
    "HEAD /docs": OPEN,
    "GET /openapi.json": OPEN,
    "HEAD /openapi.json": OPEN,
}


class ScopeTable:
    """Finds the scope of a request by method and path, as the router matches them."""

    def __init__(self, endpoints: Mapping[str, Scope | None] = ENDPOINTS) -> None:
        self._fixed: dict[str, dict[str, Scope | None]] = {}
        self._patterns: dict[re.Pattern[str], dict[str, Scope | None]] = {}
        for endpoint, scope in endpoints.items():
            method, path = endpoint.split(" ")
            if "{" in path:
                self._patterns.setdefault(compile_path(path)[0], {})[method] = scope
            else:
                self._fixed.setdefault(path, {})[method] = scope

    def find(self, method: str, path: str) -> Scope | None:
        """The scope that the request needs, or `OPEN`.

        Raises: `UnknownEndpointError`, `MethodNotAllowedError`.
        """
        fixed = self._fixed.get(path)
        if fixed is not None and method in fixed:
            return fixed[method]
        known = [methods for pattern, methods in self._patterns.items() if pattern.match(path)]
        for methods in known:
            if method in methods:
                return methods[method]
        if fixed is None and not known:
            raise UnknownEndpointError(f"no endpoint {method} {path[:200]}")
        allowed = sorted({name for methods in (*known, fixed or {}) for name in methods})
        raise MethodNotAllowedError(f"{method} is not among the methods of this path", allowed)


def parse_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names. Raises `ValueError` naming what is no scope, or when there are none."""
    given = set(names)
    unknown = given - {scope.value for scope in Scope}
    if unknown or not given:
        raise ValueError(f"found scopes {sorted(given)}; wanted some of {[scope.value for scope in Scope]}")
    return frozenset(map(Scope, given))
