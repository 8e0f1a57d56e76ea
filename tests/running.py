"""Running the project's own commands from a test, as a person at a terminal would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.service.real_shop import free_port
from tests.service_image import as_in_its_image

ROOT = Path(__file__).parent.parent


def run(*arguments: str, var: Path, cwd: Path = ROOT, database_url: str = "") -> str:
    """What `python -m ...` prints; it must end well."""
    found = as_in_its_image(ROOT) if arguments[0] == "service" else {"PYTHONPATH": str(ROOT)}
    given = {"GARDOON_VAR": str(var), "GARDOON_DATABASE_URL": database_url}
    environment = {**os.environ, **found, **given}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(var: Path) -> Iterator[tuple[str, subprocess.Popen[str], list[str]]]:
    """Address, process and printed lines of `python -m service run`, in a process group of its own."""
    port = free_port()
    command = [sys.executable, "-m", "service", "run", "--port", str(port)]
    fast = {"GARDOON_LEARN_SECONDS": "0.2", "GARDOON_POLL_SECONDS": "0.2", "GARDOON_REGISTRY_SECONDS": "0.5"}
    given = {**fast, "GARDOON_VAR": str(var), "COLUMNS": "200"}
    environment = {**os.environ, **as_in_its_image(), **given}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    reading = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))
    reading.start()
    try:
        wait_for(lambda: any("Ctrl-C stops it" in line for line in lines), seconds=90, what="the greeting")
        yield f"http://127.0.0.1:{port}", process, lines
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        reading.join(timeout=10)
        process.stdout.close()


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} seconds for {what}"
        time.sleep(0.1)


def post(url: str, body: dict[str, Any], *, key: str = "") -> dict[str, Any]:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = Request(url, json.dumps(body).encode(), headers)
    with urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        return answer
