"""The breaker of a worker's engine, on a PostgreSQL that stands still."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from service.store.breaker import Breaker, LogAwayError, guard_log
from service.store.engine import connect_log
from tests.databases import postgres_server, standing_still
from tests.running import wait_for


def gauge() -> Gauge:
    return Gauge("up", "up", registry=CollectorRegistry())


def seconds_of(call: Callable[[], object]) -> tuple[type[BaseException] | None, float]:
    """What it raised, and how long it took."""
    began = time.monotonic()
    try:
        call()
    except (OperationalError, LogAwayError) as error:
        return type(error), time.monotonic() - began
    return None, time.monotonic() - began


def ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(select(1))


@pytest.mark.slow
def test_a_server_that_stands_still_is_waited_for_once_by_those_who_asked_and_by_nobody_later() -> None:
    with postgres_server() as server:
        engine, up = connect_log(server.get_uri()), gauge()
        ask(engine)
        Breaker(engine, up=up, patience_seconds=1.0, retry_seconds=0.05)
        ask(engine)
        with standing_still(server), ThreadPoolExecutor(8) as callers:
            first = list(callers.map(lambda _: seconds_of(lambda: ask(engine)), range(8)))
            later = [seconds_of(lambda: ask(engine)) for _ in range(20)]
            was_up = up._value.get()
        wait_for(lambda: up._value.get() == 1, seconds=20, what="the breaker to close")
        ask(engine)
        engine.dispose()

    assert all(error is not None and seconds < 6 for error, seconds in first)
    assert {error for error, _ in later} == {LogAwayError}
    assert max(seconds for _, seconds in later) < 0.5
    assert was_up == 0


@pytest.mark.slow
def test_an_error_of_a_statement_alone_opens_nothing() -> None:
    with postgres_server() as server:
        engine, up = connect_log(server.get_uri()), gauge()
        Breaker(engine, up=up)
        with engine.connect() as connection, pytest.raises(Exception, match="relation"):
            connection.exec_driver_sql("SELECT * FROM nowhere")
        ask(engine)
        engine.dispose()

    assert up._value.get() == 1


def test_a_file_needs_no_breaker(tmp_path: object) -> None:
    engine, up = connect_log(f"sqlite:///{tmp_path}/log.db"), gauge()
    guard_log(engine, up=up)

    ask(engine)

    assert up._value.get() == 1
