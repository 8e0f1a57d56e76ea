"""The client against a service that is killed after it logged a decision and before its answer arrived."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from gardoon_client import Client, DecideRequest
from service.settings import Settings
from tests.features.conftest import Shop
from tests.gardoon_client.dropping_server import dropping_server
from tests.service.real_shop import prepare, serving
from tests.service.test_real_service import logged_ids, run_verify

pytestmark = pytest.mark.slow


def test_after_sigkill_between_log_and_answer_the_retry_gets_the_logged_decision(
    tmp_path: Path, busy_shop: Callable[[], Shop]
) -> None:
    prepare(tmp_path, busy_shop())
    with ExitStack() as running:
        address, process = running.enter_context(serving(tmp_path))
        server = running.enter_context(dropping_server(running.enter_context(httpx.Client(base_url=address))))
        server.faults.append("lose")

        def kill_and_start_anew(_pause_s: float) -> None:
            process.kill()
            process.wait(timeout=10)
            again, _ = running.enter_context(serving(tmp_path))
            server.behind = running.enter_context(httpx.Client(base_url=again))

        with Client(server.address, sleep=kill_and_start_anew) as client:
            decision = client.decide(DecideRequest(customer_id="customer 0", journey="lucky_wheel"))

    assert len(server.keys) == 2
    assert logged_ids(Settings(var=tmp_path).log_url) == {decision.decision_id}
    assert "1 decisions re-enacted, 0 differ" in run_verify(tmp_path)
