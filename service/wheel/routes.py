"""The wheel's page: shown by a link, spun by its button."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.access.address import address_of
from service.console.page import POLICY, page_text
from service.console.page_route import PageRoute
from service.errors import ServiceError, TooManyRequestsError
from service.routes.dependencies import Gardoon
from service.state import State
from service.static_file import static_file
from service.wheel.face import sectors, stops_at
from service.wheel.link import PATH, Wheel, open_link
from service.wheel.spin import Drawn, amounts_of, drawn_already, spin, zone_of

TEMPLATE: Final = "wheel.html"
STATIC: Final = Path(__file__).parent / "static"


class WheelRoute(PageRoute):
    """A route whose errors are pages that can be shown in the shop's frame."""

    def refuse(self, request: Request, error: ServiceError) -> Response:
        """The page that says why there is no wheel."""
        if isinstance(error, TooManyRequestsError):
            request.app.state.gardoon.metrics.refused.labels(str(error.status)).inc()
        page = _shown(request, status=error.status, fault=error, drawn=None)
        page.headers.update(error.headers())
        return page


router = APIRouter(prefix=PATH, route_class=WheelRoute, include_in_schema=False)


@router.get("")
async def show_wheel(request: Request, gardoon: Gardoon, link: str = "") -> Response:
    """The wheel, and what it stopped at where it was spun in this period."""
    wheel = await _opened(request, gardoon, link)
    return await _wheel(request, gardoon, wheel, link, await drawn_already(gardoon, wheel))


@router.post("")
async def spin_wheel(request: Request, gardoon: Gardoon) -> Response:
    """Spin the wheel; spun again in the same period it stops at the same."""
    link = parse_qs((await request.body()).decode("latin-1")).get("link", [""])[0]
    wheel = await _opened(request, gardoon, link)
    return await _wheel(request, gardoon, wheel, link, await spin(gardoon, wheel))


@router.get("/static/{name}")
async def show_static(name: str) -> Response:
    """A stylesheet, script or picture of the page: under its own address, so that a proxy may let /wheel through alone."""
    return static_file(STATIC, name)


async def _opened(request: Request, gardoon: State, link: str) -> Wheel:
    """Whose wheel the link opens, as long as neither its address nor this wheel is asked for too often.

    Raises: `TooManyRequestsError`, `SpentLinkError`.
    """
    await gardoon.access.count("wheel-address", address_of(request))
    wheel = open_link(gardoon.coupon_keys, link, gardoon.clock())
    whose = f"{wheel.journey}\n{wheel.customer_id}".encode()
    await gardoon.access.count("wheel", blake2b(whose, digest_size=16).hexdigest())
    return wheel


async def _wheel(request: Request, gardoon: State, wheel: Wheel, link: str, drawn: Drawn | None) -> Response:
    amounts = amounts_of(gardoon, wheel)
    amount = drawn.coupon.amount if drawn and drawn.coupon else 0
    if amount not in amounts:  # drawn before the journey's amounts were changed
        amounts = (*amounts, amount)
    turned = stops_at(amounts, amount) if drawn else 0.0
    zone = await zone_of(gardoon, wheel)
    return _shown(
        request,
        fault=None,
        drawn=drawn,
        link=link,
        sectors=sectors(amounts),
        turned=turned,
        customer_zone=zone,
    )


def _shown(request: Request, *, status: int = 200, **shown: object) -> Response:
    page = HTMLResponse(page_text(request, TEMPLATE, shown), status)
    ancestors = request.app.state.gardoon.settings.wheel_frame_ancestors
    page.headers["Content-Security-Policy"] = POLICY.format(ancestors=ancestors)
    return page
