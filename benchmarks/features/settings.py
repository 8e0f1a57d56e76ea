"""What the measurements fill, and where; imported by the process whose memory is measured too, so nothing heavy here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from features.redis_settings import RedisSettings, redis_settings

AS_OF: Final = datetime(2026, 5, 1, tzinfo=UTC)


def settings_of(address: str) -> RedisSettings:
    """How our own reader and writer reach the Redis."""
    store = {"type": "redis", "connection_string": address}
    return redis_settings({"project": "gardoon", "online_store": store})
