"""Keeps the processes of the learner and the refresher running beside a worker on one machine."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import TracebackType
from typing import Final, Self

import structlog

STOP_SECONDS = 30.0
_logger = structlog.get_logger()


LEARN: Final = (sys.executable, "-m", "service", "learn")
REFRESH: Final = (sys.executable, "-m", "service", "refresh")


class KeptProcess:
    """Starts a command and starts it again when it ends by itself; ends it on leaving the context."""

    def __init__(self, command: tuple[str, ...], pause_seconds: float = 2.0) -> None:
        self._command = command
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._process = subprocess.Popen(command)
        self._watch = threading.Thread(target=self._keep_running, name=f"{command[-1]}-watch")

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watch.join()

    @property
    def pid(self) -> int:
        """The process that runs now, or ran last."""
        return self._process.pid

    def _keep_running(self) -> None:
        while not self._stop.wait(0.2):
            code = self._process.poll()
            if code is not None:
                _logger.error("process ended, starting it again", command=self._command[-1], code=code)
                if self._stop.wait(self._pause_seconds):
                    return
                self._process = subprocess.Popen(self._command)
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _logger.error("process did not stop, killing it", command=self._command[-1])
            self._process.kill()
            self._process.wait()
