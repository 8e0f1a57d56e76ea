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

_logger = structlog.get_logger()
_THREADS: Final = 4
PATIENCE_SECONDS: Final = 1.0
"""How long a store may take for one customer; ordinary reads take milliseconds."""


class FeatureReader(Protocol):
    """Reads one customer's stored features; SQLite and Redis in Feast's format, or any store through Feast."""

    def read(self, customer_id: str) -> StoredFeatures:
        """The customer's rows; a view without one is absent."""


class StoreReader(FeatureReader, Protocol):
    """Reads of many, too; an online store's own reader."""

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        """The rows of each customer, in order."""

    def customer_ids(self) -> Iterable[str]:
        """Every customer of whom anything is stored, once or more often."""


class SteadyReader:
    """Reads through another reader; once that fails or hangs, no request asks it until a thread beside got an answer.

    So only the requests that meet the failure wait, none longer than `patience_seconds`. Without features there is no
    consent, so every channel is masked; caps, entitlements and budgets are in the log and hold as ever.
    """

    def __init__(
        self,
        *,
        reader: FeatureReader,
        up: Gauge,
        patience_seconds: float = PATIENCE_SECONDS,
        retry_seconds: float = 1.0,
    ) -> None:
        self._reader = reader
        self._up = up
        self._patience_seconds = patience_seconds
        self._retry_seconds = retry_seconds
        self._threads = _new_threads()
        self._away = False
        up.set(1)

    async def read(self, customer_id: str, within: float = PATIENCE_SECONDS) -> StoredFeatures:
        """What is stored of the customer; no views when the store does not answer, or not within these seconds."""
        if self._away:
            return StoredFeatures(customer_id, {})
        seconds = min(within, self._patience_seconds)
        try:
            async with asyncio.timeout(seconds):
                reading = asyncio.get_running_loop().run_in_executor(
                    self._threads, self._reader.read, customer_id
                )
                return await reading
        except OnlineStoreError as error:
            self._leave(error)
        except TimeoutError as error:
            if seconds == self._patience_seconds:
                self._leave(error)
        return StoredFeatures(customer_id, {})

    def _leave(self, error: Exception) -> None:
        if self._away:
            return
        self._away = True
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


def _new_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="online-store")
