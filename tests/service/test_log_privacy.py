"""No log line holds a customer's id, whatever is asked and however it goes wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from features.online import OnlineStoreError
from features.stored import StoredFeatures
from service.safe_trace import SafeFormatter
from service.steady_reader import SteadyReader
from tests.features.conftest import Shop
from tests.service.conftest import Worker, stored_customer

MARK = "customer-0912-345-6789"
BODIES: tuple[dict[str, Any], ...] = (
    {"customer_id": MARK, "journey": "lucky_wheel"},
    {"customer_id": MARK, "journey": MARK},
    {"customer_id": MARK, "journey": "lucky_wheel", MARK: MARK},
    {"customer_id": {"id": MARK}, "journey": "lucky_wheel"},
    {"customer_id": MARK},
    {
        "outcomes": [
            {"event_id": MARK, "decision_id": MARK, "kind": "clicked", "occurred_at": "2026-11-22T09:00:00Z"}
        ]
    },
    {"items": [{"customer_id": MARK, "journey": "lucky_wheel"}, {"customer_id": MARK}]},
    {"userId": MARK, "event": MARK, "properties": {"email": MARK}},
    {"code": MARK, "customer_id": MARK, "order_id": MARK},
)


def endpoints(worker: Worker) -> Iterator[tuple[str, str]]:
    """Method and path of every endpoint, the mark in place of each parameter."""
    for path, methods in worker.client.get("/openapi.json").json()["paths"].items():
        parameters = [part for part in path.split("/") if part.startswith("{")]
        for parameter in parameters:
            path = path.replace(parameter, MARK)
        yield from ((method.upper(), path) for method in methods)


def ask_everything(worker: Worker) -> set[int]:
    """The statuses of requests to every endpoint with every body, with nonsense, and with the mark wherever it fits."""
    statuses = set()
    for method, path in endpoints(worker):
        for body in (*BODIES, None):
            sent = {"headers": {"idempotency-key": MARK}, "params": {"customer_id": MARK}}
            answer = worker.client.request(method, path, **sent, **({} if body is None else {"json": body}))
            statuses.add(answer.status_code)
        statuses.add(worker.client.request(method, path, content=f"{{{MARK}").status_code)
        statuses.add(worker.client.request(method, f"{path}/{MARK}").status_code)
    return statuses


class Breaking:
    """A feature reader that fails in a customer's words."""

    def __init__(self, error: Callable[[str], Exception]) -> None:
        self._error = error

    def read(self, customer_id: str) -> StoredFeatures:
        raise self._error(customer_id)

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        return [self.read(customer_id) for customer_id in customer_ids]


FAULTS: dict[str, Callable[[str], Exception]] = {
    "a fault of ours": lambda customer: RuntimeError(f"no luck with {customer}"),
    "a missing key": lambda customer: KeyError(customer),
    "the online store": lambda customer: OnlineStoreError(f"nothing of {customer}"),
    "the database": lambda customer: OperationalError("SELECT ?", (customer,), Exception(customer), True),
    "a constraint": lambda customer: IntegrityError(
        "INSERT", {"customer_id": customer}, ValueError(customer), True
    ),
}


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that was logged: by structlog on standard error, by the standard library as a server formats it.

    Asked for before a worker, so that what the worker logs is caught from its start.
    """

    def read() -> str:
        formatter = SafeFormatter("%(name)s %(message)s")
        records = [formatter.format(record) for record in caplog.records]
        captured = capsys.readouterr()
        return "\n".join([captured.out, captured.err, *records])

    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "httpx2")  # of the test's own client
    return read


def test_answered_and_refused_requests_leave_no_customer_in_the_logs(
    told: Callable[[], str], worker: Worker
) -> None:
    worker.reader.customers[MARK] = stored_customer(MARK)

    statuses = ask_everything(worker)
    worker.learn()

    logged = told()
    assert {200, 404, 422} <= statuses
    assert "snapshot" in logged
    assert MARK not in logged


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_failures_are_logged_without_the_customer(
    told: Callable[[], str], worker: Worker, fault: Callable[[str], Exception]
) -> None:
    reader = SteadyReader(reader=Breaking(fault), up=worker.state.metrics.online_store_up)
    object.__setattr__(worker.state, "reader", reader)

    statuses = ask_everything(worker)

    logged = told()
    is_decided_on_defaults = isinstance(fault("x"), OnlineStoreError)
    assert bool(statuses & {500, 503}) != is_decided_on_defaults
    assert '"level": "error"' in logged
    assert type(fault("x")).__name__ in logged, "what went wrong can still be told from the log"
    assert MARK not in logged


@pytest.mark.slow
def test_a_real_server_whose_log_breaks_prints_no_customer(
    tmp_path: Path, busy_shop: Callable[[], Shop]
) -> None:
    import sqlite3

    from tests.service.real_shop import prepare, printed_by_services, serving

    prepare(tmp_path, busy_shop())
    with serving(tmp_path) as (address, process):
        decide = Request(
            f"{address}/v1/decide",
            json.dumps({"customer_id": MARK, "journey": "lucky_wheel", "decide": ["coupon"]}).encode(),
            {"content-type": "application/json"},
        )
        with urlopen(decide, timeout=10) as response:
            assert response.status == 200
        with sqlite3.connect(tmp_path / "log.db") as log:
            log.execute("ALTER TABLE decisions RENAME TO gone")
        for request in (decide, f"{address}/v1/decisions/{MARK}", f"{address}/{MARK}?customer={MARK}"):
            with pytest.raises(HTTPError) as refused:
                urlopen(request, timeout=10)
            refused.value.close()
        process.terminate()
        process.wait(timeout=20)
        printed = printed_by_services(tmp_path)
    assert "unprotected" in printed
    assert "OperationalError" in printed
    assert MARK not in printed
