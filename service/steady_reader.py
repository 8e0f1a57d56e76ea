"""Features while the online store is away: nothing is known of anybody, so defaults stand in and the answer says so."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import structlog
from prometheus_client import Gauge

from features.online import OnlineStoreError
from features.stored import StoredFeatures
from service.company import EVERYBODY, Company, wait_for_company

_logger = structlog.get_logger()
_THREADS: Final = 4
_MOST: Final = 128
"""Customers of one reading."""
_BEHIND_SECONDS: Final = 0.01
"""What an answer has that came while the event loop stood still, and was not heard before the timer."""
PATIENCE_SECONDS: Final = 1.0
"""How long a store may take for one customer; ordinary reads take milliseconds."""


class FeatureReader(Protocol):
    """Reads customers' stored features; SQLite and Redis in Feast's format, or any store through Feast."""

    def read(self, customer_id: str) -> StoredFeatures:
        """The customer's rows; a view without one is absent."""

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        """The rows of each customer, in order."""


class StoreReader(FeatureReader, Protocol):
    """Knows its customers, too; an online store's own reader."""

    def customer_ids(self) -> Iterable[str]:
        """Every customer of whom anything is stored, once or more often."""


class SteadyReader:
    """Reads through another reader, what was asked while the last reading ran by the next one.

    Once that fails or hangs, no request asks it until a thread beside got an answer. So only the requests that meet the
    failure wait, none longer than `patience_seconds`. Without features there is no consent, so every channel is masked;
    caps, entitlements and budgets are in the log and hold as ever.
    """

    def __init__(
        self,
        *,
        reader: FeatureReader,
        up: Gauge,
        patience_seconds: float = PATIENCE_SECONDS,
        retry_seconds: float = 1.0,
        company: Company = EVERYBODY,
    ) -> None:
        self._reader = reader
        self._company = company
        self._up = up
        self._patience_seconds = patience_seconds
        self._retry_seconds = retry_seconds
        self._threads = _new_threads()
        self._waiting: list[tuple[str, asyncio.Future[StoredFeatures]]] = []
        self._reading: asyncio.Task[None] | None = None
        self._away = False
        up.set(1)

    async def read(self, customer_id: str, within: float = PATIENCE_SECONDS) -> StoredFeatures:
        """What is stored of the customer; no views when the store does not answer, or not within these seconds."""
        if self._away:
            return StoredFeatures(customer_id, {})
        seconds = min(within, self._patience_seconds)
        found: asyncio.Future[StoredFeatures] = asyncio.get_running_loop().create_future()
        self._waiting.append((customer_id, found))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_waiting(), name="online-store")
        timer = asyncio.get_running_loop().call_later(seconds, _give_up_on, found)
        try:
            return await found
        except _TooLateError:
            if seconds == self._patience_seconds:
                self._leave(TimeoutError(f"no answer within {seconds} s"))
        except OnlineStoreError as error:
            self._leave(error)
        finally:
            timer.cancel()
        return StoredFeatures(customer_id, {})

    async def _read_waiting(self) -> None:
        while self._waiting and self._reading is asyncio.current_task():
            await wait_for_company(lambda: self._waiting, self._company)
            most = min(self._company.enough(), _MOST)
            batch, self._waiting = self._waiting[:most], self._waiting[most:]
            batch = [(customer_id, found) for customer_id, found in batch if not found.done()]
            if batch:
                await self._read_batch(batch)

    async def _read_batch(self, batch: Sequence[tuple[str, asyncio.Future[StoredFeatures]]]) -> None:
        customer_ids = [customer_id for customer_id, _ in batch]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._threads, self._reader.read_many, customer_ids)
        except Exception as error:  # noqa: BLE001 - these callers must hear of it, whatever it is
            if len(batch) > 1 and not isinstance(error, OnlineStoreError):
                for one in batch:  # it may be the fault of a single customer's
                    await self._read_batch([one])
                return
            for _, found in batch:
                if not found.done():
                    found.set_exception(error)
            return
        for (_, found), answer in zip(batch, answers, strict=True):
            if not found.done():
                found.set_result(answer)

    def _leave(self, error: Exception) -> None:
        if self._away:
            return
        self._away = True
        self._reading = None
        for customer_id, found in self._waiting:
            if not found.done():
                found.set_result(StoredFeatures(customer_id, {}))
        self._waiting = []
        self._up.set(0)
        _logger.error("the online store is away, deciding on defaults", exc_info=error)
        self._threads.shutdown(wait=False)  # some of them may hang for good
        self._threads = _new_threads()
        threading.Thread(target=self._wait_for_it, name="online-store", daemon=True).start()

    def _wait_for_it(self) -> None:
        while self._away:
            time.sleep(self._retry_seconds)
            try:
                self._reader.read("")
            except OnlineStoreError:
                continue
            self._up.set(1)
            self._away = False
        _logger.info("the online store answers again")


class _TooLateError(Exception):
    """The store had the time that it was given."""


def _give_up_on(found: asyncio.Future[StoredFeatures]) -> None:
    """End the wait for an answer, but for one that waits behind the timer that rings where this process stood still."""
    asyncio.get_running_loop().call_later(_BEHIND_SECONDS, _end, found)


def _end(found: asyncio.Future[StoredFeatures]) -> None:
    if not found.done():
        found.set_exception(_TooLateError())


def _new_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="online-store")
