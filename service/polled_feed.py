"""What a worker follows by asking the log for it again and again, without a restart."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import structlog

_logger = structlog.get_logger()


class PolledFeed(ABC):
    """Keeps what was published last; whatever is wrong with something newer, the last good one stays in place."""

    def __init__(self, *, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds

    @abstractmethod
    def refresh(self) -> bool:
        """Load what is newer than what there is; whether anything was. Raises what is wrong with it."""

    async def run(self) -> None:
        """Look for something newer until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.look()

    async def look(self) -> None:
        """Load what is newer, if it can be."""
        try:
            await asyncio.to_thread(self.refresh)
        except Exception as error:  # noqa: BLE001 - a worker must outlive anything that was published
            _logger.error("models not refreshed", reason=f"{type(error).__name__}: {error}")
