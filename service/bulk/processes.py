"""A run's parts side by side, in processes of their own; each part is one process's alone."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from service.bulk.customer_list import read_part
from service.bulk.part import missing_parts, write_part
from service.bulk.preparing import opened_decider
from service.bulk.run import RunError, read_run
from service.long_lived import keep_what_is_there
from service.one_thread import ONE_THREAD
from service.settings import Settings

_RUN, _PROCESS = ".run.lock", ".process.lock"
_WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.2
_MANY_OBJECTS: Final = 200_000
"""A commit's decisions, which nothing refers to in a circle: looking for circles among them takes a tenth of the time."""
GoOn = Callable[[], bool]


class PartFailedError(RuntimeError):
    """A process ended without having decided its parts; what it logged is in the log, and the next run goes on."""


def decide_parts(settings: Settings, folder: Path, numbers: Sequence[int], go_on: GoOn) -> None:
    """Decide these parts one after another, as long as `go_on`; a part that is complete is left as it is."""
    run = read_run(folder)
    if run is None:
        raise RunError(f"{folder} holds no run")
    with opened_decider(settings, run) as decider:
        for number in missing_parts(folder, numbers):
            if not go_on():
                return
            write_part(folder, number, decider.decide(read_part(folder, number)))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else decides in this folder, nor do the processes of a run that was killed, which end on their own.

    Raises: `RunError` when somebody still does after some seconds.
    """
    with _locked(folder / _RUN, fcntl.LOCK_EX):
        with _locked(folder / _PROCESS, fcntl.LOCK_EX):
            pass
        yield


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    end = time.monotonic() + _WAIT_SECONDS
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise RunError(f"{path.parent}: another process decides in this folder") from None
                time.sleep(_LOOK_SECONDS)
        yield


def decide_side_by_side(
    settings: Settings, folder: Path, parts: Sequence[int], processes: int
) -> Iterator[int]:
    """How many of the parts are complete, again and again until all are.

    Raises: `PartFailedError` when a process fails; the others stop after the part that they are at.
    """
    context = get_context("spawn")
    stop = context.Event()
    os.environ.update(ONE_THREAD)
    shares = [parts[first::processes] for first in range(min(processes, len(parts)))]
    workers = [
        context.Process(
            target=_work, args=(settings, folder, share, stop, os.getpid()), name=f"share-{place}"
        )
        for place, share in enumerate(shares)
    ]
    try:
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers) and not any(worker.exitcode for worker in workers):
            yield len(parts) - len(missing_parts(folder, parts))
            time.sleep(_LOOK_SECONDS)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    if failed := [f"{worker.name} ended with {worker.exitcode}" for worker in workers if worker.exitcode]:
        raise PartFailedError(f"{', '.join(failed)}; run the same command again to go on")
    yield len(parts) - len(missing_parts(folder, parts))


def _work(settings: Settings, folder: Path, share: Sequence[int], stop: Any, parent: int) -> None:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches every process: the one that started this tells it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    decide_share(settings, folder, share, lambda: not stop.is_set())


def decide_share(settings: Settings, folder: Path, share: Sequence[int], go_on: GoOn = lambda: True) -> None:
    """Decide these parts as a process that does nothing else; nobody begins in the folder anew meanwhile."""
    keep_what_is_there(look_after=_MANY_OBJECTS)
    with _locked(folder / _PROCESS, fcntl.LOCK_SH):
        decide_parts(settings, folder, share, go_on)


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed, it could tell nobody."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
