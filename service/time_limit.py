"""How long the parts of a decision may take when its caller named a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from service.errors import LogUnavailableError
from service.steady_reader import PATIENCE_SECONDS

LEAST_SECONDS: Final = 0.05
"""Reading features is not cut shorter: without them no consent is known, and the baseline could not be sent either."""
GRACE_SECONDS: Final = 1.0
"""What the standing and the commit, which no answer can do without, have beyond the limit."""


@dataclass(frozen=True)
class TimeLimit:
    """A request's `timeout_ms`, counted from a moment of the monotonic clock; None bounds nothing.

    >>> limit = TimeLimit(began=100.0, timeout_ms=300)
    >>> round(limit.for_features(100.1), 3), round(limit.for_the_rest(100.1), 3), limit.is_over(100.1)
    (0.2, 1.2, False)
    >>> TimeLimit(began=100.0, timeout_ms=0).for_features(100.1)
    0.05
    """

    began: float
    timeout_ms: int | None

    def for_features(self, at: float) -> float:
        """How many seconds reading features may take from then on."""
        if self.timeout_ms is None:
            return PATIENCE_SECONDS
        return max(self._left(self.timeout_ms, at), LEAST_SECONDS)

    def for_the_rest(self, at: float) -> float | None:
        """How many seconds may pass from then on until the decision is logged."""
        if self.timeout_ms is None:
            return None
        return max(self._left(self.timeout_ms, at), 0.0) + GRACE_SECONDS

    def is_over(self, at: float) -> bool:
        """Whether the caller wants its baseline by then."""
        return self.timeout_ms is not None and self._left(self.timeout_ms, at) < 0

    def kept(self) -> AbstractAsyncContextManager[None]:
        """What the log is needed for. Raises: `LogUnavailableError` when it takes longer than what is left for the rest."""
        seconds = self.for_the_rest(time.monotonic())
        return nullcontext() if seconds is None else self._within(seconds)

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise LogUnavailableError("the log did not answer in the time that the request gives") from error

    def _left(self, timeout_ms: int, at: float) -> float:
        return self.began + timeout_ms / 1000 - at
