"""Every endpoint under schemathesis, on both databases: what the document allows and much that it does not gets no 5xx."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from service.app import create_app
from service.store.decision_log import DecisionLog
from tests.running import wait_for
from tests.service.conftest import Worker
from tests.service.real_shop import free_port

Drawn = dict[str, list[Any]]
"""Cases by operation."""

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ALLOWED, FORBIDDEN = 20, 8
"""How many cases of each operation are as the document says, and how many are not."""


@contextmanager
def serving(worker: Worker) -> Iterator[str]:
    """The address of uvicorn with the worker's application, in a thread."""
    log = DecisionLog(worker.state.engine, seconds=worker.state.metrics.flush_seconds)
    state, port = replace(worker.state, log=log), free_port()
    app = create_app(state.settings, lambda _: state)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", http="httptools"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, seconds=30, what="uvicorn")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """What was drawn of each operation, for the second database: drawing takes three times as long as asking."""
    return {}


def test_no_request_is_answered_with_a_server_error_or_against_the_document(
    worker: Worker, drawn: Drawn
) -> None:
    """The cases are drawn alike in every run; what they were answered with is printed (pytest -s)."""
    import schemathesis
    from schemathesis import GenerationMode

    with serving(worker) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        played: dict[str, Counter[int]] = {}
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.label not in drawn:
                allowed = operation.as_strategy(generation_mode=GenerationMode.POSITIVE).map(_of_a_journey)
                forbidden = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
                drawn[operation.label] = _draw(allowed, ALLOWED) + _draw(forbidden, FORBIDDEN)
            played[operation.label] = Counter(_status(case, address) for case in drawn[operation.label])

    print(*played.items(), sep="\n")
    assert len(played) >= 15
    assert all(played.values())
    statuses = sum(played.values(), Counter[int]())
    assert {200, 201, 400, 404, 422} <= set(statuses), "the cases go deep and wrong"


def _of_a_journey(case: Any) -> Any:
    """The case about a journey that there is: one with a drawn name would end at its 404."""
    if isinstance(case.body, dict) and "journey" in case.body:
        case.body["journey"] = "lucky_wheel"
    return case


def _draw(strategy: Any, n_cases: int) -> list[Any]:
    """So many cases, of operations that have as many."""
    cases: list[Any] = []

    @settings(
        max_examples=n_cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def keep(case: Any) -> None:
        cases.append(case)

    with suppress(Unsatisfiable), warnings.catch_warnings():
        # nothing can be wrong in a request without parameters and body
        warnings.simplefilter("ignore")
        keep()
    return cases


def _status(case: Any, address: str) -> int:
    """The status of the case's answer, which is as it must be."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    wanted = [
        not_a_server_error,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.status_code_conformance,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        response = case.call(base_url=address)
        case.validate_response(response, checks=wanted)
    return int(response.status_code)
