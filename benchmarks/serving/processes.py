"""Servers as processes on a core of their own, and what they and everybody else take of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil

from benchmarks.soak.stack import ROOT, free_port

SERVER_CORE, OTHER_CORE = 0, 1
BOTH = (SERVER_CORE, OTHER_CORE)
_READY_S = 180.0


def pin(cores: Collection[int], process: int = 0) -> None:
    """Keep a process, this one by default, and what it will start to these cores; where they are not there, as it is."""
    with suppress(OSError):
        os.sched_setaffinity(process, cores)


def pin_all(processes: Sequence[psutil.Process], cores: Collection[int]) -> None:
    """Keep all threads of these processes, and what they will start, to these cores."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            for thread in each.threads():
                pin(cores, thread.id)


@dataclass
class Server:
    """A server under load: where it answers, and its process with all that it started."""

    name: str
    address: str
    process: subprocess.Popen[bytes]
    started_at: float
    seconds_to_ready: float = 0.0

    def processor_s(self) -> float:
        """Processor time of all its threads and processes so far."""
        return seconds_of(self._all())

    def memory_mb(self) -> float:
        """Resident memory of its largest process, which is the worker's."""
        return float(max(each.memory_info().rss for each in self._all()) / 2**20)

    def processes(self) -> int:
        """How many it consists of."""
        return len(self._all())

    def pin(self, cores: Collection[int]) -> None:
        """Keep all its processes and threads, and what they will start, to these cores."""
        pin_all(self._all(), cores)

    def _all(self) -> list[psutil.Process]:
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]


def seconds_of(processes: Sequence[psutil.Process]) -> float:
    """Processor time that these have taken, and those that they started and that have ended since."""
    total: float = 0.0
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return float(total)


def family(roots: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Processes with all that they started."""
    return [each for root in roots for each in (root, *root.children(recursive=True))]


def uvicorn(application: str, *options: str) -> list[str]:
    """The command of a server as ours is run: one worker, uvloop, httptools, no log of accesses."""
    command = [sys.executable, "-m", "uvicorn", application, "--loop", "uvloop", "--http", "httptools"]
    return [*command, "--no-access-log", "--log-level", "warning", "--port", "{port}", *options]


@contextmanager
def running(
    name: str, command: Sequence[str], folder: Path, *, ready: str, cores: Collection[int], **environment: str
) -> Iterator[Server]:
    """The server that the command starts, `{port}` in it being its port, once its path `ready` is answered.

    It prints into a file; its process and those that it started are ended afterwards. Raises `RuntimeError` with what it
    printed where it does not get ready.
    """
    with starting(name, command, folder, **environment) as server:
        wait_until_ready(server, folder, ready)
        server.pin(cores)
        yield server


@contextmanager
def starting(name: str, command: Sequence[str], folder: Path, **environment: str) -> Iterator[Server]:
    """The same without waiting for it, on whatever core is free.

    In a session of its own, as a service manager would: Linux shares the processor between sessions first (autogroup). In
    one session with the load generator, a learner let the kernel's own work on that core, network and disk, wait for 70 ms.
    """
    port = free_port()
    given = [word.replace("{port}", str(port)) for word in command]
    with printed_by(name, folder).open("wb") as out:
        process = subprocess.Popen(
            given,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    pin(BOTH, process.pid)
    try:
        yield Server(name, f"http://127.0.0.1:{port}", process, time.perf_counter())
    finally:
        _end(process)


def printed_by(name: str, folder: Path) -> Path:
    """The file that a server prints into."""
    return folder / f"{name.replace(' ', '-')}.out"


def wait_until_ready(server: Server, folder: Path, ready: str) -> None:
    """Return when it answers there, and note how long that took. Raises `RuntimeError` where it does not."""
    while time.perf_counter() - server.started_at < _READY_S:
        if server.process.poll() is not None:
            break
        if _answers(server.address + ready):
            server.seconds_to_ready = time.perf_counter() - server.started_at
            return
        time.sleep(0.02)
    said = printed_by(server.name, folder).read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{server.name} did not get ready: {said}")


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):
            return True
    except HTTPError as error:
        return error.code in (404, 405, 422)  # it serves, if not this path
    except (URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started: politely, then for certain."""
    with suppress(psutil.NoSuchProcess):
        everyone = family([psutil.Process(process.pid)])
        for each in everyone:
            with suppress(psutil.NoSuchProcess):
                each.terminate()
        _, left = psutil.wait_procs(everyone, timeout=10)
        for each in left:
            with suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait(timeout=10)


@dataclass(frozen=True)
class Room:
    """A moment of the account of some cores: seconds by then in which no program ran, and that some processes took.

    What the kernel does for the network between two programs belongs to neither and counts as the first.
    """

    idle_s: float
    own_s: float
    at: float

    @classmethod
    def now(cls, cores: Collection[int], own_s: float) -> Self:
        """As it is now; `own_s` is what the processes have taken that room is left for."""
        times = psutil.cpu_times(percpu=True)
        used = [times[core] for core in cores if core < len(times)]
        idle_s = sum(each.idle + each.iowait + each.irq + each.softirq for each in used)
        return cls(idle_s, own_s, time.perf_counter())

    def left_since(self, before: Self) -> float:
        """How many cores were left for those processes: what nobody used, and what they used themselves."""
        return (self.idle_s - before.idle_s + self.own_s - before.own_s) / (self.at - before.at)
