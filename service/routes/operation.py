"""How the worker is: alive, ready, and its metrics."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.errors import LogUnavailableError, NotReadyError
from service.routes.dependencies import Gardoon, problems
from service.schemas import Health
from service.store.decision_log import ping_log

router = APIRouter()


@router.get("/healthz", tags=["operation"])
async def healthz() -> Health:
    """Whether the process lives."""
    return Health(status="alive")


@router.get("/readyz", responses=problems(NotReadyError, LogUnavailableError), tags=["operation"])
async def readyz(gardoon: Gardoon) -> Health:
    """Whether decisions can be made and logged: models are loaded and the log answers."""
    versions = gardoon.feed.current.versions
    await asyncio.to_thread(ping_log, gardoon.engine)
    return Health(status="ready", versions=versions)


@router.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
async def metrics(gardoon: Gardoon) -> Response:
    """Prometheus metrics of this worker."""
    return Response(generate_latest(gardoon.metrics.registry), media_type=CONTENT_TYPE_LATEST)
