"""Group commit without a timer: whatever queued while the last commit ran is committed by the next one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, TypeVar

import structlog
from prometheus_client import Histogram
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from service.errors import LogUnavailableError
from service.store.breaker import LogAwayError
from service.store.failure import failure_of

_logger = structlog.get_logger()
_AWAY: Final = (OperationalError, LogAwayError, OSError)
"""What no single row is to blame for."""
Entry = TypeVar("Entry")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Waiting(Generic[Entry, Result]):
    """What is to be committed, and whom to tell of it."""

    entry: Entry
    committed: asyncio.Future[Result] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def tell(self, outcome: Result | Exception) -> None:
        """End the caller's wait, if it still waits."""
        if self.committed.cancelled():
            return
        if isinstance(outcome, Exception):
            self.committed.set_exception(outcome)
        else:
            self.committed.set_result(outcome)


class GroupCommit(ABC, Generic[Entry, Result]):
    """Commits entries together, so that one flush serves many callers, each of whom waits until its own is on disk.

    One writer task a process, started by `start` and drained by `stop`.
    """

    name: ClassVar[str]
    """What is committed, as the service's own log calls it."""
    most: ClassVar[int]
    """The size of what is committed at once, unless one entry alone is larger."""

    def __init__(self, engine: Engine, *, flush_seconds: Histogram) -> None:
        self._engine = engine
        self._flush_seconds = flush_seconds
        self._queue: list[Waiting[Entry, Result]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the writer task in the running event loop."""
        self._writer = asyncio.create_task(self._write_forever(), name=self.name)

    async def stop(self) -> None:
        """Commit what is queued and end the writer task."""
        self._stopping = True
        self._wake.set()
        if self._writer is not None:
            await self._writer

    @abstractmethod
    def _commit(self, batch: Sequence[Waiting[Entry, Result]]) -> Sequence[Result | Exception]:
        """Of each entry what its caller hears; those of whom it is no error are on disk together."""

    @abstractmethod
    def _size(self, entry: Entry) -> int:
        """How much of `most` an entry takes."""

    async def _committed(self, entry: Entry) -> Result:
        """What the commit said of the entry.

        Raises: `LogUnavailableError` when it could not be committed, `UnstorableError` when it never can, and what `_commit`
        says. A caller that is cancelled takes the entry back, unless it is being written already.
        """
        if self._stopping:
            raise LogUnavailableError("the service is shutting down")
        waiting: Waiting[Entry, Result] = Waiting(entry)
        self._queue.append(waiting)
        self._wake.set()
        try:
            return await waiting.committed
        except asyncio.CancelledError:
            if waiting in self._queue:
                self._queue.remove(waiting)
            raise

    async def _write_forever(self) -> None:
        while not self._stopping or self._queue:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._flush(self._next())

    def _next(self) -> Sequence[Waiting[Entry, Result]]:
        """What is committed next, out of the queue."""
        size, number = 0, 0
        for waiting in self._queue:
            size += self._size(waiting.entry)
            if number and size > self.most:
                break
            number += 1
        batch, self._queue = self._queue[:number], self._queue[number:]
        return batch

    async def _flush(self, batch: Sequence[Waiting[Entry, Result]]) -> None:
        outcomes: Sequence[Result | Exception]
        try:
            with self._flush_seconds.time():
                outcomes = await asyncio.to_thread(self._commit, batch)
        except Exception as error:  # whatever failed, these callers must hear of it and the writer go on
            if len(batch) > 1 and not isinstance(error, _AWAY):
                for waiting in batch:  # one of them cannot be stored: the others need not pay for it
                    await self._flush([waiting])
                return
            outcomes = [failure_of(error)] * len(batch)
            if not isinstance(error, _AWAY):
                _logger.error("an entry cannot be stored", log=self.name, exc_info=error)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.tell(outcome)
