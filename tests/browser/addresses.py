"""What can be looked at: every page that the service has, filled in so that it has something to show."""

from __future__ import annotations

from typing import Final

from service.access.scope import ENDPOINTS

ASKED: Final = {
    "/console/customer": "id=customer+3&journey=churn_prevention",
    "/console/policies": "journey=churn_prevention",
}
"""What a page is asked that shows little otherwise."""
REFUSED: Final = {
    "/console/decisions/none": 404,
    "/console/reports/none.html": 404,
    "/console/budget?day=someday": 422,
    "/wheel?link=spent": 410,
}
"""Addresses that show an error, and its status."""


SANDBOXED: Final = "/console/reports/{name}"
"""Shows what the batch wrote, and lets no script run: neither its own nor a test's."""


def console_pages() -> list[str]:
    """The path of every page that the console makes, as its route has it; a test holds the table of scopes to the routes."""
    asked = [endpoint.split(" ") for endpoint in ENDPOINTS]
    return [
        path
        for method, path in asked
        if method == "GET" and path.startswith("/console") and "/static/" not in path and path != SANDBOXED
    ]


def in_language(path: str, language: str) -> str:
    """The address of a page in a language."""
    query = "&".join(filter(None, (ASKED.get(path, ""), f"lang={language}")))
    return f"{path}{'&' if '?' in path else '?'}{query}"
