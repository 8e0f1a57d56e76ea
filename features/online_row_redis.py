"""Single rows into Redis, in Feast's own layout, many in one pipeline: what events changed of some customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import redis

from features.online_redis import away, open_connections
from features.online_row import ViewRow, encode_row
from features.redis_layout import encode_time, redis_key, view_fields
from features.redis_settings import RedisSettings
from features.schema import View
from features.wire import FeatureValue

_SCRIPT: Final = """
local function moment(stored)
  local at, seconds, nanos = 1, 0, 0
  local function varint()
    local number, unit = 0, 1
    while true do
      at = at + 1
      local byte = string.byte(stored, at)
      number = number + byte % 128 * unit
      unit = unit * 128
      if byte < 128 then at = at + 1 return number end
    end
  end
  if string.byte(stored, at) == 8 then seconds = varint() end
  if string.byte(stored, at) == 16 then nanos = varint() end
  return seconds, nanos
end
local there = redis.call('HGET', KEYS[1], ARGV[1])
if there then
  local seconds, nanos = moment(there)
  local new_seconds, new_nanos = moment(ARGV[2])
  if seconds > new_seconds or seconds == new_seconds and nanos > new_nanos then return 0 end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 1, #ARGV - 1))
if ARGV[#ARGV] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[#ARGV]) end
return 1
"""
"""Compares event times and writes as one step, so that of two writers the later event wins. Its arguments are fields and
values in turn, the event time first, and the seconds that the key lives (0: for good)."""


class RedisRowWriter:
    """Writes rows by a script that Redis keeps. Any thread may write.

    Unlike Feast's writer it also stores a row whose event time is the stored one: two events of one moment count both.
    """

    def __init__(self, *, settings: RedisSettings) -> None:
        """Raises `OnlineStoreError` when the connection string cannot be used. Nothing is opened before the first write."""
        self._settings = settings
        self._client: Any = redis.Redis(connection_pool=open_connections(settings))
        self._script = self._client.register_script(_SCRIPT)

    def write(
        self, customer_id: str, view: View, values: Mapping[str, FeatureValue], event_at: datetime
    ) -> bool:
        """Whether the row is stored: not when one is there with a later event time.

        Raises `RowError` for other features than the view's, `OnlineStoreError` when Redis does not answer.
        """
        return self.write_many([ViewRow(customer_id, view, values, event_at)]) == 1

    def write_many(self, rows: Sequence[ViewRow]) -> int:
        """How many of the rows are stored, each whole. Raises as `write` does; some may be stored then."""
        calls = [self._call_of(row) for row in rows]
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for key, arguments in calls:
                    self._script(keys=[key], args=arguments, client=pipeline)
                return sum(pipeline.execute())
        except (redis.RedisError, OSError) as error:
            raise away(self._settings, error) from None

    def _call_of(self, row: ViewRow) -> tuple[bytes, list[bytes | int]]:
        stored = [encode_time(row.event_at), *encode_row(row.view, row.values)]
        pairs = [part for pair in zip(view_fields(row.view), stored, strict=True) for part in pair]
        key = redis_key(row.customer_id, self._settings.project)
        return key, [*pairs, self._settings.key_ttl_seconds or 0]

    def erase(self, customer_id: str) -> None:
        """Let go of every row of the customer. Raises `OnlineStoreError`."""
        try:
            self._client.delete(redis_key(customer_id, self._settings.project))
        except (redis.RedisError, OSError) as error:
            raise away(self._settings, error) from None

    def close(self) -> None:
        """Closes every connection."""
        self._client.connection_pool.disconnect()
