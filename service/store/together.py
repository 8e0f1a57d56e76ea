"""One call of the log for many callers, without a timer: whatever queued while the last call ran is in the next one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final, Generic, TypeVar

import structlog
from prometheus_client import Histogram
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from service.company import EVERYBODY, Company, wait_for_company
from service.errors import LogUnavailableError
from service.store.breaker import LogAwayError
from service.store.failure import failure_of

_logger = structlog.get_logger()
_AWAY: Final = (OperationalError, LogAwayError, OSError)
"""What no single row is to blame for."""
Entry = TypeVar("Entry")
Result = TypeVar("Result")


class Waiting(Generic[Entry, Result]):
    """What is to be done, and whom to tell of it."""

    __slots__ = ("done", "entry")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def tell(self, outcome: Result | Exception) -> None:
        """End the caller's wait, if it still waits."""
        if self.done.cancelled():
            return
        if isinstance(outcome, Exception):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class Together(ABC, Generic[Entry, Result]):
    """Does what many callers ask in one call, each of whom waits for its own part: a commit is flushed once for all.

    One task and one thread a process, started by `start` and drained by `stop`: what else takes the loop's common threads
    keeps nobody waiting here. `seconds`: what a call took. `company`: with whom it is worth waiting.
    """

    name: ClassVar[str]
    """What is asked, as the service's own log calls it."""
    most: ClassVar[int]
    """The size of what is done at once, unless one entry alone is larger."""

    def __init__(self, engine: Engine, *, seconds: Histogram, company: Company = EVERYBODY) -> None:
        self._engine = engine
        self._seconds = seconds
        self._company = company
        self._queue: list[Waiting[Entry, Result]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)

    def start(self) -> None:
        """Start the task in the running event loop."""
        self._task = asyncio.create_task(self._do_forever(), name=self.name)

    async def stop(self) -> None:
        """Do what is queued and end the task."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    @abstractmethod
    def _do(self, entries: Sequence[Entry]) -> Sequence[Result | Exception]:
        """Of each entry what its caller hears; what is changed for those of whom it is no error is on disk together."""

    def _size(self, _entry: Entry) -> int:
        """How much of `most` an entry takes."""
        return 1

    def _queued(self, entry: Entry) -> Waiting[Entry, Result]:
        """The entry among those that the next call takes. Raises: `LogUnavailableError` when there is none any more."""
        if self._stopping:
            raise LogUnavailableError("the service is shutting down")
        waiting: Waiting[Entry, Result] = Waiting(entry)
        self._queue.append(waiting)
        self._wake.set()
        return waiting

    async def _done(self, entry: Entry) -> Result:
        """What the call said of the entry.

        Raises: `LogUnavailableError` when the log did not answer, `UnstorableError` when the entry can never be stored, and
        what `_do` says. A caller that is cancelled takes the entry back, unless the call is under way already.
        """
        waiting = self._queued(entry)
        try:
            return await waiting.done
        except asyncio.CancelledError:
            if waiting in self._queue:
                self._queue.remove(waiting)
            raise

    async def _do_forever(self) -> None:
        while not self._stopping or self._queue:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await wait_for_company(lambda: self._queue, self._company)
                await self._call(self._next())

    def _next(self) -> Sequence[Waiting[Entry, Result]]:
        """What is done next, out of the queue."""
        size, number = 0, 0
        for waiting in self._queue[: self._company.enough()]:
            size += self._size(waiting.entry)
            if number and size > self.most:
                break
            number += 1
        batch, self._queue = self._queue[:number], self._queue[number:]
        return batch

    async def _call(self, batch: Sequence[Waiting[Entry, Result]]) -> None:
        outcomes: Sequence[Result | Exception]
        try:
            with self._seconds.time():
                entries = [waiting.entry for waiting in batch]
                outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, self._do, entries)
        except Exception as error:  # whatever failed, these callers must hear of it and the task go on
            if len(batch) > 1 and not isinstance(error, _AWAY):
                for waiting in batch:  # one of them cannot be stored: the others need not pay for it
                    await self._call([waiting])
                return
            outcomes = [failure_of(error)] * len(batch)
            if not isinstance(error, LogAwayError):  # the breaker has told it, once
                what = "the log does not answer" if isinstance(error, _AWAY) else "an entry cannot be stored"
                _logger.error(what, log=self.name, exc_info=error)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.tell(outcome)
