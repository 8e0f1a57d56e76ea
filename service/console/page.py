"""Making a page: its template in the language of who looks, and the headers that keep it to itself."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service import VERSION
from service.access.scope import Scope
from service.console.language import LANGUAGES, Language, choose_language, translations
from service.console.report import Note
from service.console.wording import Wording

if TYPE_CHECKING:
    from babel.support import NullTranslations
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"
LANGUAGE_COOKIE: Final = "gardoon_language"
FORM_COOKIE: Final = "gardoon_form"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)
"""Everything from here, nothing inline, nothing from elsewhere."""
_YEAR_SECONDS: Final = 31_536_000


@lru_cache(maxsize=8)
def environment(language: Language, zone: str) -> Environment:
    """The templates in a language, with its words, numbers and times."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = translations(language)
    made.install_gettext_callables(found.ugettext, found.ungettext, newstyle=True)  # type: ignore[attr-defined]
    wording = Wording(language, ZoneInfo(zone))
    for name in ("number", "percent", "money", "day", "moment", "clock", "text", "digits"):
        made.filters[name] = getattr(wording, name)
    made.filters["told"] = partial(_told, found, wording)
    return made


def _told(found: NullTranslations, wording: Wording, note: Note) -> str:
    """What the report says of a measure, in the language of the page."""
    values = {
        name: wording.number(each, 1) if isinstance(each, float) else wording.text(each)
        for name, each in note.values.items()
    }
    return str(found.ugettext(note.text) % values)


def language_of(request: Request) -> Language:
    """The language of the page that is asked for."""
    asked, remembered = request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)
    return choose_language(asked, remembered, request.headers.get("accept-language", ""))


def rights_of(request: Request) -> frozenset[Scope] | None:
    """The scopes of who looks; None where the service is open to everyone, or nobody has logged in."""
    caller = getattr(request.state, "caller", None)
    return None if caller is None else caller.scopes


def may(request: Request, scope: Scope) -> bool:
    """Whether who looks may do what the scope allows."""
    gardoon = request.app.state.gardoon
    rights = rights_of(request)
    return not gardoon.access.protected if rights is None else scope in rights


def page_text(request: Request, template: str, shown: Mapping[str, object]) -> str:
    """The page of this template in the language asked for, showing these values by name."""
    gardoon, language = request.app.state.gardoon, language_of(request)
    given = {
        "language": language,
        "languages": [(each, _in_language(request, each)) for each in LANGUAGES.values()],
        "root": request.scope.get("root_path", ""),
        "path": request.url.path,
        "version": VERSION,
        "logged_in": getattr(request.state, "caller", None),
        "protected": gardoon.access.protected,
        "currency": gardoon.settings.currency,
        "zone": gardoon.settings.time_zone,
    }
    made = environment(language, gardoon.settings.time_zone).get_template(template)
    return made.render(given | dict(shown))


def render(request: Request, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page of the console; what it shows is given by name."""
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
    answer = HTMLResponse(page_text(request, template, {"form_token": token, **shown}), status)
    answer.headers["Content-Security-Policy"] = POLICY.format(ancestors="'none'")
    if request.query_params.get("lang") in LANGUAGES:
        put_cookie(request, answer, LANGUAGE_COOKIE, language_of(request).code, _YEAR_SECONDS)
    if FORM_COOKIE not in request.cookies:
        put_cookie(request, answer, FORM_COOKIE, token, None)
    return answer


def put_cookie(request: Request, answer: Response, name: str, value: str, seconds: int | None) -> None:
    """Set a cookie that no script reads, no other site sends and no open line carries where there is a safe one."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=f"{request.scope.get('root_path', '')}/console",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _in_language(request: Request, language: Language) -> str:
    """The same page in a language, as an address on this server."""
    return "?" + request.url.include_query_params(lang=language.code).query
