"""Decisions that became ready in one turn of the event loop, made side by side."""

from __future__ import annotations

import asyncio
from typing import Final

from service.decider import Asked, decide_side_by_side
from service.record import DecisionRecord

MOST: Final = 32
"""At once: others wait meanwhile. More would take hardly less time for each, and twice as long for all."""


class SideBySide:
    """Makes decisions in the event loop; what was read for many at once is decided for all of them at once."""

    def __init__(self) -> None:
        self._ready: list[tuple[Asked, asyncio.Future[DecisionRecord]]] = []

    async def decide(self, asked: Asked) -> DecisionRecord:
        """The decision. Raises: what `service.decider.decide` does."""
        loop = asyncio.get_running_loop()
        if not self._ready:
            loop.call_soon(self._decide_ready)
        made: asyncio.Future[DecisionRecord] = loop.create_future()
        self._ready.append((asked, made))
        return await made

    def _decide_ready(self) -> None:
        batch, self._ready = self._ready[:MOST], self._ready[MOST:]
        if self._ready:
            asyncio.get_running_loop().call_soon(self._decide_ready)
        batch = [(asked, made) for asked, made in batch if not made.done()]  # who gave up needs none
        records = decide_side_by_side([asked for asked, _ in batch])
        for (_, made), record in zip(batch, records, strict=True):
            if isinstance(record, Exception):
                made.set_exception(record)
            else:
                made.set_result(record)
