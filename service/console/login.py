"""Logging in to the console and out of it: each is on record, and so is what was not accepted."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from service.access.address import address_of
from service.access.audit import Act, AuditEntry, record_act
from service.access.session import COOKIE, LIFE, read_session, write_session
from service.console.form import read_form
from service.console.page import put_cookie, render
from service.console.page_route import PageRoute
from service.console.refusal import HOME
from service.errors import ServiceError, TooManyRequestsError, UnauthenticatedError
from service.routes.dependencies import Gardoon
from service.state import State

SUBJECT: Final = "console"
"""What the audit log says these acts are of."""
router = APIRouter(prefix=HOME, route_class=PageRoute, include_in_schema=False)


@router.get("/login")
async def show_login(request: Request, gardoon: Gardoon, next: str = HOME) -> Response:
    """The form that takes an API key; an open service needs none."""
    if not gardoon.access.protected:
        return RedirectResponse(_inside(request, next), 303)
    return render(request, "login.html", next=next, fault=None)


@router.post("/login")
async def log_in(request: Request, gardoon: Gardoon) -> Response:
    """Begin a session for the holder of an API key or token; an address may try this so often."""
    fields = await read_form(request)
    wanted, address = fields.get("next", HOME), address_of(request)
    try:
        await gardoon.access.count("login", address)
        caller = await gardoon.access.identify(fields.get("credential", "").strip())
    except TooManyRequestsError as error:  # not on record: it would fill with what one address sends
        return _refused(request, gardoon, wanted, error)
    except UnauthenticatedError as error:
        await _record(gardoon, Act.LOGIN_REFUSED, f"address:{address}")
        return _refused(request, gardoon, wanted, error)
    await _record(gardoon, Act.LOGGED_IN, caller.identity, address=address)
    session = write_session(gardoon.coupon_keys.current, caller, gardoon.clock())
    answer = RedirectResponse(_inside(request, wanted), 303)
    put_cookie(request, answer, COOKIE, session, int(LIFE.total_seconds()))
    return answer


@router.post("/logout")
async def log_out(request: Request, gardoon: Gardoon) -> Response:
    """End the session."""
    await read_form(request)
    caller = read_session(gardoon.coupon_keys, dict(request.scope["headers"]), gardoon.clock())
    if caller is not None:
        await _record(gardoon, Act.LOGGED_OUT, caller.identity, address=address_of(request))
    answer = RedirectResponse(f"{request.scope.get('root_path', '')}{HOME}/login", 303)
    put_cookie(request, answer, COOKIE, "", 0)
    return answer


def _refused(request: Request, gardoon: State, wanted: str, error: ServiceError) -> Response:
    """The form again, with what is wrong."""
    gardoon.metrics.refused.labels(str(error.status)).inc()
    page = render(request, "login.html", status=error.status, next=wanted, fault=error)
    page.headers.update(error.headers())
    return page


async def _record(gardoon: State, act: Act, actor: str, **detail: str) -> None:
    """Put it on record before it is answered; what was entered is no part of it."""
    entry = AuditEntry(at=gardoon.clock(), actor=actor, act=act, subject=SUBJECT, detail=detail)
    await asyncio.to_thread(_write, gardoon, entry)


def _write(gardoon: State, entry: AuditEntry) -> None:
    with gardoon.engine.begin() as connection:
        record_act(connection, entry)


def _inside(request: Request, wanted: str) -> str:
    """Where to go after the login: a page of the console, never elsewhere."""
    inside = wanted == HOME or wanted.startswith(f"{HOME}/")
    root: str = request.scope.get("root_path", "")
    return root + (wanted if inside else HOME)
