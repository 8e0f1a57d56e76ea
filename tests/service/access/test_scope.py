"""Every endpoint has its scope in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from fastapi.routing import APIRouter
from starlette.routing import BaseRoute, Route

from service.access.scope import ENDPOINTS, OPEN, Scope, ScopeTable, parse_scopes
from service.app import create_app
from service.errors import MethodNotAllowedError, UnknownEndpointError


def served(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """ "METHOD /path" of every route, those of included routers too."""
    for route in routes:
        original = getattr(route, "original_router", None)
        if isinstance(original, APIRouter):
            yield from served(original.routes)
        else:
            assert isinstance(route, Route), f"{route} is no plain route: what is its scope?"
            yield from (f"{method} {route.path}" for method in route.methods or ())


def test_every_route_has_a_scope_or_is_open_on_purpose() -> None:
    found = set(served(create_app().routes))

    assert {"POST /v1/decide", "GET /metrics", "GET /docs"} <= found
    assert found <= ENDPOINTS.keys(), f"say in service/access/scope.py who may ask {found - ENDPOINTS.keys()}"


def test_only_health_documentation_public_keys_the_login_and_the_wheel_behind_its_link_are_open() -> None:
    assert {endpoint.split(" ")[1] for endpoint, scope in ENDPOINTS.items() if scope is OPEN} == {
        "/healthz",
        "/readyz",
        "/docs",
        "/openapi.json",
        "/v1/coupons/keys",
        "/console/login",
        "/wheel",
        "/console/logout",
        "/console/static/{name}",
        "/wheel/static/{name}",
    }


def test_the_scope_of_a_path_with_parameters_is_found() -> None:
    table = ScopeTable()

    assert table.find("GET", "/v1/decisions/01a2-b") is Scope.READ
    assert table.find("POST", "/v1/decide") is Scope.DECIDE
    assert table.find("POST", "/personalizer/v1.0/events/a/b/reward") is Scope.OUTCOMES
    assert table.find("GET", "/healthz") is OPEN


@pytest.mark.parametrize(
    "path", ["/", "/v1/decide/", "/V1/decide", "/v1//decide", "/v1/decisions/a/b", "/v1/decide\n"]
)
def test_a_path_that_is_not_listed_is_unknown(path: str) -> None:
    with pytest.raises(UnknownEndpointError):
        ScopeTable().find("POST", path)


def test_a_method_that_is_not_listed_is_refused_naming_those_that_are() -> None:
    with pytest.raises(MethodNotAllowedError) as refused:
        ScopeTable().find("DELETE", "/v1/decisions/d1")

    assert refused.value.headers() == {"Allow": "GET"}


def test_where_a_pattern_matches_a_fixed_path_too_the_router_takes_the_fixed_one_as_the_table_does() -> None:
    order = list(served(create_app().routes))
    patterns = [endpoint for endpoint in order if "{" in endpoint]

    for number, endpoint in enumerate(order):
        method, path = endpoint.split(" ")
        for pattern in patterns if "{" not in path else ():
            if matches(pattern, method, path):
                assert number < order.index(pattern), f"{pattern} is declared before {endpoint} and hides it"


def matches(endpoint: str, method: str, path: str) -> bool:
    try:
        ScopeTable({endpoint: Scope.READ}).find(method, path)
    except (UnknownEndpointError, MethodNotAllowedError):
        return False
    return True


def test_scopes_are_read_from_their_names() -> None:
    assert parse_scopes(["decide", "read"]) == {Scope.DECIDE, Scope.READ}
    with pytest.raises(ValueError, match=r"found scopes \['decid'\].*'decide'"):
        parse_scopes(["decid"])
    with pytest.raises(ValueError, match="wanted some of"):
        parse_scopes([])
