"""The application: one place where everything long-lived is built, and errors become problem documents."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from features.declared import plain_fault
from features.online import FeastFeatureReader, SqliteFeatureReader, open_online_store, read_settings
from features.schema import load_schema
from features.segment_files import load_segments
from service import VERSION
from service.access.access import build_access
from service.access.guard import Guard
from service.access.openapi import add_access
from service.body_limit import BodyLimit
from service.company import UnderWay
from service.console.login import router as login
from service.console.routes import router as console
from service.coupons.key_ring import open_coupon_keys
from service.course import Rules
from service.errors import ServiceError, UnstorableError
from service.events.plan import load_plan
from service.long_lived import keep_what_is_there
from service.model_feed import ModelFeed
from service.model_set import build_model_set, schema_artifact
from service.observability import Metrics, configure_logging
from service.openapi import add_examples, describe
from service.personalizer.address import OneSlash
from service.point_files import SEGMENTS, load_decision_points
from service.problem import PROBLEM, problem_response
from service.routes import BATCHES, router
from service.routes.direct import DirectDecide
from service.security_headers import SECURITY_HEADERS, SecurityHeaders, policy_of_page
from service.settings import Settings
from service.state import State
from service.steady_reader import SteadyReader, StoreReader
from service.store.artifact_store import get_artifact, put_artifact
from service.store.breaker import LogAwayError, guard_log
from service.store.decision_log import DecisionLog
from service.store.engine import open_log
from service.store.failure import failure_of
from service.wheel.routes import router as wheel

_logger = structlog.get_logger()


_MANY_OBJECTS: Final = 20_000
"""Made since the last look for circles: those of tens of decisions, which the reference counts free by themselves."""


def utc_now() -> datetime:
    """The present moment, in whole milliseconds as answers and ids carry it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def build_state(settings: Settings) -> State:
    """The worker's state on the real parts. Raises what a part that cannot be opened raises, naming it."""
    schema = load_schema()
    engine = open_log(settings.log_url)
    metrics, under_way = Metrics(), UnderWay()
    guard_log(engine, up=metrics.log_up)
    points = load_decision_points(settings.decision_points)
    coupon_keys = open_coupon_keys(settings, utc_now, os.urandom)
    with engine.begin() as connection:
        put_artifact(engine, connection, schema_artifact(schema))
        versions = {
            name: put_artifact(engine, connection, point.to_artifact()) for name, point in points.items()
        }
    rules = {
        name: Rules(point, versions[name], settings.time_zone, settings.currency, coupon_keys.current)
        for name, point in points.items()
    }
    return State(
        settings=settings,
        schema=schema,
        engine=engine,
        reader=SteadyReader(reader=open_reader(settings), up=metrics.online_store_up, company=under_way),
        feed=ModelFeed(
            engine=engine,
            build=partial(build_model_set, schema=schema, load=partial(get_artifact, engine)),
            poll_seconds=settings.poll_seconds,
            snapshot_gauge=metrics.snapshot,
        ),
        log=DecisionLog(engine, seconds=metrics.flush_seconds, company=under_way),
        access=build_access(settings, engine, utc_now),
        rules=rules,
        segments=load_segments(settings.decision_points / SEGMENTS, schema),
        coupon_keys=coupon_keys,
        metrics=metrics,
        clock=utc_now,
        randomness=os.urandom,
        plan=load_plan(settings.tracking_plan),
        under_way=under_way,
    )


def open_reader(settings: Settings) -> StoreReader:
    """The reader of the online store: its SQLite file or Redis directly, or any other store through Feast.

    Raises `OnlineStoreError` when the settings cannot be used.
    """
    schema = load_schema()
    if settings.feature_store_yaml is None:
        return SqliteFeatureReader(database=settings.online_path, schema=schema)
    from features.online_redis import RedisFeatureReader
    from features.redis_settings import UnknownLayoutError, redis_settings

    try:
        server = redis_settings(read_settings(settings.feature_store_yaml))
    except UnknownLayoutError as reason:
        _logger.warning("features are read through Feast, about ten times slower", reason=str(reason))
        return FeastFeatureReader(store=open_online_store(settings.feature_store_yaml), schema=schema)
    return RedisFeatureReader(settings=server, schema=schema)


class _Application(FastAPI):
    """FastAPI with the direct way to decide before all that it does itself, a tenth of a decision's time."""

    body_limit_bytes: int

    @cached_property
    def direct(self) -> DirectDecide:
        """The direct way, FastAPI's own behind it."""
        return DirectDecide(super().__call__, self.body_limit_bytes, _failed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide directly, or go FastAPI's own way."""
        scope["app"] = self
        await self.direct(scope, receive, send)


def create_served_app() -> FastAPI:
    """The application of a process that does nothing else: what it has once it started is not looked through for garbage."""
    return create_app(started=partial(keep_what_is_there, look_after=_MANY_OBJECTS))


def create_app(
    settings: Settings | None = None,
    build: Callable[[Settings], State] = build_state,
    started: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The application; `build` makes its state when it starts, `started` is called once it has."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging()
        state = build(settings or Settings())
        app.state.gardoon = state
        state.access.refresh()
        for part in (state.standings, state.log, state.intake):
            part.start()
        await state.feed.look()
        await state.complements.look()
        following = [
            asyncio.create_task(state.feed.run(), name="model-feed"),
            asyncio.create_task(state.complements.run(), name="complements"),
            asyncio.create_task(state.access.run(), name="access"),
        ]
        started()
        try:
            yield
        finally:
            for task in following:
                task.cancel()
            for part in (state.standings, state.log, state.intake):
                await part.stop()
            await state.access.close()
            # a request that was given up may have left a thread that still holds a connection
            await asyncio.get_running_loop().shutdown_default_executor()
            state.engine.dispose()

    app = _Application(
        title="Gardoon",
        version=VERSION,
        summary="Decides for one customer at one moment whether to act, with which coupon, channel and send time.",
        lifespan=lifespan,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.include_router(router)
    app.include_router(console)
    app.include_router(login)
    app.include_router(wheel)
    describe(app, add_access, add_examples)
    limits = settings or Settings()
    app.body_limit_bytes = limits.body_limit_bytes
    by_path = dict.fromkeys(BATCHES, limits.batch_limit_bytes)
    app.add_middleware(BodyLimit, limit_bytes=limits.body_limit_bytes, by_path=by_path)
    app.add_middleware(Guard)
    app.add_middleware(SecurityHeaders, pages={"/docs": policy_of_page(_documentation(app))})
    app.add_middleware(OneSlash)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(SQLAlchemyError, _log_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected_error)
    return app


def _documentation(app: FastAPI) -> str:
    """The page that FastAPI serves at /docs."""
    page = get_swagger_ui_html(openapi_url=str(app.openapi_url), title=f"{app.title} - Swagger UI")
    return bytes(page.body).decode()


async def _failed(request: Request, error: Exception) -> JSONResponse:
    """What is answered where something kept a decision from being made."""
    if isinstance(error, SQLAlchemyError):
        return await _log_error(request, error)
    return await (_service_error if isinstance(error, ServiceError) else _unexpected_error)(request, error)


async def _service_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    if error.status == 503:
        request.app.state.gardoon.metrics.unavailable.labels(type(error).__name__).inc()
    return problem_response(error, request.url.path)


async def _log_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SQLAlchemyError)
    failure = failure_of(error)
    if not isinstance(error, LogAwayError):  # the breaker has told it, once
        what = (
            "a value cannot be stored" if isinstance(failure, UnstorableError) else "the log does not answer"
        )
        _logger.error(what, exc_info=error)
    return await _service_error(request, failure)


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    """Each fault with its place; what was sent is not repeated, it may be anything."""
    assert isinstance(error, RequestValidationError)
    return _invalid(
        [{"field": ".".join(map(str, e["loc"])), "fault": plain_fault(e["msg"])} for e in error.errors()]
    )


def _invalid(faults: list[dict[str, str]]) -> JSONResponse:
    detail = "; ".join(f"{fault['field']}: {fault['fault']}" for fault in faults[:5])
    body = {
        "type": "about:blank",
        "title": "Invalid request",
        "status": 422,
        "detail": detail,
        "errors": faults,
    }
    return JSONResponse(body, 422, media_type=PROBLEM)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # raised by FastAPI for bytes that are no text
        return _invalid([{"field": "body", "fault": "not JSON in UTF-8"}])
    detail = f"{request.method} {request.url.path}: {error.detail}"
    body = {"type": "about:blank", "title": error.detail, "status": error.status_code, "detail": detail}
    return JSONResponse(body, error.status_code, dict(error.headers or {}), media_type=PROBLEM)


async def _unexpected_error(_request: Request, error: Exception) -> JSONResponse:
    _logger.error("unexpected error", exc_info=error)
    body = {"type": "about:blank", "title": "Internal error", "status": 500, "detail": "the error was logged"}
    # Starlette sends this one from outside of all middleware, so it carries the headers itself.
    return JSONResponse(body, 500, SECURITY_HEADERS, media_type=PROBLEM)
