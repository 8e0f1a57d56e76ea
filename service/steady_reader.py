"""Features while the online store is away: nothing is known of anybody, so defaults stand in and the answer says so."""

from __future__ import annotations

import threading

import structlog
from prometheus_client import Gauge

from features.online import OnlineStoreError
from features.stored import StoredFeatures
from service.state import FeatureReader

_logger = structlog.get_logger()


class SteadyReader:
    """Reads through another reader; once that fails, no request asks it again until a thread beside found that it answers.

    So only the requests that meet the failure wait for the store's timeout. Without features there is no consent, so every
    channel is masked; caps, entitlements and budgets are in the log and hold as ever.
    """

    def __init__(self, *, reader: FeatureReader, up: Gauge, retry_seconds: float = 1.0) -> None:
        self._reader = reader
        self._up = up
        self._retry_seconds = retry_seconds
        self._change = threading.Lock()
        self._away = False
        up.set(1)

    def read(self, customer_id: str) -> StoredFeatures:
        """What is stored of the customer; no views while the store does not answer."""
        if not self._away:
            try:
                return self._reader.read(customer_id)
            except OnlineStoreError as error:
                self._leave(error)
        return StoredFeatures(customer_id, {})

    def _leave(self, error: OnlineStoreError) -> None:
        with self._change:
            if self._away:
                return
            self._away = True
        self._up.set(0)
        _logger.error("the online store is away, deciding on defaults", exc_info=error)
        threading.Thread(target=self._wait_for_it, name="online-store", daemon=True).start()

    def _wait_for_it(self) -> None:
        while self._away:
            threading.Event().wait(self._retry_seconds)
            try:
                self._reader.read("")
            except OnlineStoreError:
                continue
            self._up.set(1)
            self._away = False
        _logger.info("the online store answers again")
