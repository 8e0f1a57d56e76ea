"""How often a caller may ask: a moving window, in each worker's memory or in a Redis that the workers share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter as SharedWindow
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter as OwnWindow

REDIS_TIMEOUT_SECONDS = 0.25
REDIS_PAUSE_SECONDS = 5.0
"""How long a worker counts for itself after Redis did not answer."""
_logger = structlog.get_logger()


class Limiter(Protocol):
    """Counts requests of callers."""

    async def wait_s(self, limit: RateLimitItem, identity: str) -> int:
        """0 when the request is let through, and counted; else the seconds until one would be."""

    async def close(self) -> None:
        """Let go of what is open."""


class OwnLimiter:
    """Counts in this worker: with several workers, a caller may ask as often of each."""

    def __init__(self) -> None:
        self._window = OwnWindow(MemoryStorage())

    async def wait_s(self, limit: RateLimitItem, identity: str) -> int:
        """0 when the request is let through, and counted; else the seconds until one would be."""
        if self._window.hit(limit, identity):
            return 0
        return _wait(self._window.get_window_stats(limit, identity).reset_time)

    async def close(self) -> None:
        """Nothing is open."""


class SharedLimiter:
    """Counts in Redis, for all workers together; while Redis is away each worker counts for itself."""

    def __init__(self, *, redis: str, monotonic: Callable[[], float]) -> None:
        from redis.asyncio import ConnectionPool

        address = f"redis://{redis.removeprefix('redis://')}"
        self._pool = ConnectionPool.from_url(
            address,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        )
        storage = RedisStorage(
            address,
            implementation="redispy",
            key_prefix="gardoon-limits",
            connection_pool=self._pool,  # type: ignore[arg-type] # handed through to redis-py
        )
        self._window = SharedWindow(storage)
        self._own = OwnLimiter()
        self._monotonic = monotonic
        self._ask_again_at = float("-inf")

    async def wait_s(self, limit: RateLimitItem, identity: str) -> int:
        """0 when the request is let through, and counted; else the seconds until one would be."""
        if self._monotonic() < self._ask_again_at:
            return await self._own.wait_s(limit, identity)
        try:
            if await self._window.hit(limit, identity):
                return 0
            return _wait((await self._window.get_window_stats(limit, identity)).reset_time)
        except self._window.storage.base_exceptions as error:
            self._ask_again_at = self._monotonic() + REDIS_PAUSE_SECONDS
            _logger.error("Redis keeps no limits, each worker counts for itself", reason=type(error).__name__)
            return await self._own.wait_s(limit, identity)

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._pool.disconnect()


def _wait(reset_time: float) -> int:
    return max(1, math.ceil(reset_time - time.time()))


def policy_of(limit: RateLimitItem, counted: str) -> str:
    """The limit as the header RateLimit-Policy states it.

    >>> from limits import parse
    >>> policy_of(parse("6000/minute"), "caller")
    '"caller";q=6000;w=60'
    """
    return f'"{counted}";q={limit.amount};w={limit.get_expiry()}'
