"""The console's addresses; each reads what it shows and renders its page."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from service.access.scope import Scope
from service.console.budget import read_budgets, read_courses
from service.console.chart import estimate_chart, line_chart, measured_chart
from service.console.customer import decided_now
from service.console.decisions import SHOWN, newest_decisions
from service.console.health import newest_acts, read_health
from service.console.interval_chart import interval_chart
from service.console.page import may, render
from service.console.page_route import PageRoute
from service.console.policies import read_policies
from service.console.refusal import HOME
from service.console.report import ReportError, evaluation_pages, read_report
from service.customer_reader import Page, read_customer_now
from service.errors import UnknownEndpointError
from service.group_watch import LOOK_BACK, sample_ratios
from service.routes.customers import Cursor
from service.routes.dependencies import Asking, Gardoon
from service.schemas import Identifier
from service.state import State
from service.static_file import static_file
from service.store.decision_log import read_logged_decision
from service.store.timeline import parse_cursor

STATIC: Final = Path(__file__).parent / "static"
REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"
)


router = APIRouter(prefix=HOME, route_class=PageRoute, include_in_schema=False)


@router.get("")
async def show_home(request: Request) -> Response:
    """The first page, in the language asked for."""
    asked = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.scope.get('root_path', '')}{HOME}/decisions{asked}", 303)


@router.get("/decisions")
async def show_decisions(
    request: Request, gardoon: Gardoon, journey: str = "", before: Annotated[str, Query(max_length=36)] = ""
) -> Response:
    """The decisions as they are made."""
    rows = await asyncio.to_thread(newest_decisions, gardoon.engine, journey=journey, before=before)
    older = rows[-1].decision_id if len(rows) == SHOWN else None
    shown: dict[str, Any] = {
        "rows": rows,
        "journeys": sorted(gardoon.rules),
        "journey": journey,
        "older": older,
    }
    return render(request, "decisions.html", **shown, first=not before)


@router.get("/decisions/{decision_id}")
async def show_decision(request: Request, decision_id: Identifier, gardoon: Gardoon) -> Response:
    """One decision: what was chosen among what, why, and what came back."""
    logged = await asyncio.to_thread(read_logged_decision, gardoon.engine, decision_id)
    return render(request, "decision.html", logged=logged, answer=logged.answer)


@router.get("/customer")
async def show_customer(
    request: Request,
    gardoon: Gardoon,
    asking: Asking,
    id: Annotated[Identifier | None, Query()] = None,
    journey: str = "",
    before: Annotated[Cursor | None, Query()] = None,
) -> Response:
    """One customer: what is known, and with a journey what would be decided now."""
    shown: dict[str, Any] = {"customer": None, "answer": None, "journey": journey}
    may_decide = may(request, Scope.DECIDE)
    if id is not None:
        page = Page(20, None if before is None else parse_cursor(before))
        shown["customer"] = await read_customer_now(gardoon, id, page)
        if journey and may_decide:
            shown["answer"] = await decided_now(gardoon, asking, id, journey)
    return render(
        request, "customer.html", **shown, journeys=sorted(gardoon.rules), may_decide=may_decide, id=id or ""
    )


@router.get("/policies")
async def show_policies(request: Request, gardoon: Gardoon, journey: str = "", by: str = "") -> Response:
    """What the policies do, earned and were."""
    zone = ZoneInfo(gardoon.settings.time_zone)
    found = await asyncio.to_thread(read_policies, gardoon.engine, gardoon.clock(), zone, journey, by)
    pages = await asyncio.to_thread(evaluation_pages, gardoon.settings.reports_path)
    return render(
        request,
        "policies.html",
        found=found,
        estimate_chart=estimate_chart,
        line_chart=line_chart,
        pages=pages,
        journeys=sorted(gardoon.rules),
        journey=journey,
    )


@router.get("/reports/{name}")
async def show_evaluation(name: str, gardoon: Gardoon) -> Response:
    """The page of an offline evaluation, as it was written: it may hold its own styles and pictures, and nothing else."""
    folder = gardoon.settings.reports_path
    known = {page.name for page in await asyncio.to_thread(evaluation_pages, folder)}
    if name not in known:
        raise UnknownEndpointError(f"no report {name[:64]!r} in {folder.name}")
    content = await asyncio.to_thread((folder / name).read_bytes)
    return Response(content, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/budget")
async def show_budget(request: Request, gardoon: Gardoon, day: date | None = None) -> Response:
    """The coupon budgets and their price λ, through the hours of a day and over the days before."""
    today, days = await asyncio.to_thread(read_budgets, gardoon)
    course = await asyncio.to_thread(read_courses, gardoon, day)
    charts = {journey: line_chart({"λ": [day.price for day in found]}) for journey, found in days.items()}
    return render(
        request, "budget.html", today=today, days=days, charts=charts, course=course, line_chart=line_chart
    )


@router.get("/experiments")
async def show_experiments(request: Request, gardoon: Gardoon) -> Response:
    """Groups against their declared shares, and tests of message variants."""
    points = {name: rules.point for name, rules in gardoon.rules.items()}
    since = gardoon.clock() - LOOK_BACK
    ratios = await asyncio.to_thread(sample_ratios, gardoon.engine, points, since)
    return await _measured(
        request, gardoon, "experiments.html", ratios=ratios, since=since, interval_chart=interval_chart
    )


@router.get("/retention")
async def show_retention(request: Request, gardoon: Gardoon) -> Response:
    """Who comes back: by cohort, by the months of a lifetime, from one interval to the next."""
    return await _measured(request, gardoon, "retention.html")


@router.get("/funnel")
async def show_funnel(request: Request, gardoon: Gardoon) -> Response:
    """Where customers leave on the way to an order."""
    return await _measured(request, gardoon, "funnel.html")


@router.get("/value")
async def show_value(request: Request, gardoon: Gardoon) -> Response:
    """What customers and orders are worth."""
    return await _measured(request, gardoon, "value.html")


@router.get("/economics")
async def show_economics(request: Request, gardoon: Gardoon) -> Response:
    """What orders cost, and how customers answer messages."""
    return await _measured(request, gardoon, "economics.html")


@router.get("/health")
async def show_health(request: Request, gardoon: Gardoon) -> Response:
    """How the worker is and, for who may administer, what was done last."""
    health = await asyncio.to_thread(read_health, gardoon)
    acts = await asyncio.to_thread(newest_acts, gardoon) if may(request, Scope.ADMIN) else None
    return render(request, "health.html", health=health, acts=acts)


async def _measured(request: Request, gardoon: State, template: str, **shown: Any) -> Response:
    report = fault = None
    try:
        report = await asyncio.to_thread(read_report, gardoon.settings.reports_path)
    except ReportError as error:
        fault = error
    return render(request, template, report=report, fault=fault, measured_chart=measured_chart, **shown)


@router.get("/static/{name}")
async def show_static(name: str) -> Response:
    """A stylesheet, script or picture of the pages."""
    return static_file(STATIC, name)
