"""Many decisions in one call: made side by side so that they share commits, answered line by line in the order sent."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.asker import Asker
from service.batch_schema import MOST_OF_A_KEY, BatchItem
from service.errors import ServiceError
from service.forcing import decide_for
from service.idempotency import make_claim
from service.item_body import validate_item
from service.schemas import DecideRequest
from service.state import State
from service.store.failure import failure_of
from service.store.key_log import known_keys

AT_ONCE = 64
"""Decisions under way at a time: enough to share a commit, few enough that others are answered in between."""
_KEY = re.compile(rf"[!-~]{{1,{MOST_OF_A_KEY}}}")
PURPOSE = "POST /v1/decide"
"""An item is the request that it would be alone, so either may be the other's retry."""
_logger = structlog.get_logger()


@dataclass
class Batch:
    """A batch under way. `key`: of the whole call; it gives item n without a key of its own the key `key/n`."""

    gardoon: State
    asking: Asker
    key: str | None
    _by_key: dict[str, asyncio.Task[bytes]] = field(default_factory=dict)
    _free: set[str] = field(default_factory=set)

    async def look_up_keys(self, items: Sequence[Any]) -> None:
        """Note which of the items' keys stand for nothing yet, in one query for all; the commit still decides."""
        every = (self._key_of(index, item) for index, item in enumerate(items))
        keys = {key for key in every if key and _KEY.fullmatch(key)}
        if keys:
            scope = self.asking.key_scope
            self._free = keys - await asyncio.to_thread(known_keys, self.gardoon.engine, scope, keys)

    async def lines(self, items: Sequence[Any]) -> AsyncIterator[bytes]:
        """A line for each item, in order, those that are made at once; what nobody asks for any more is not decided."""
        waiting = self._tasks(items)
        running: deque[asyncio.Task[bytes]] = deque()
        try:
            while True:
                while len(running) < AT_ONCE and (task := next(waiting, None)):
                    running.append(task)
                if not running:
                    return
                made = [await running[0]]
                running.popleft()
                while running and running[0].done():
                    made.append(running.popleft().result())
                yield b"".join(made)
        finally:
            for task in running:
                task.cancel()

    def _tasks(self, items: Sequence[Any]) -> Iterator[asyncio.Task[bytes]]:
        for index, item in enumerate(items):
            key = self._key_of(index, item)
            task = asyncio.create_task(self._line(index, item, key, self._by_key.get(key or "")))
            if key:
                self._by_key[key] = task
            yield task

    def _key_of(self, index: int, item: Any) -> str | None:
        own = item.get("idempotency_key") if isinstance(item, dict) else None
        return own if isinstance(own, str) else self.key and f"{self.key}/{index}"

    async def _line(
        self, index: int, item: Any, key: str | None, earlier: asyncio.Task[bytes] | None
    ) -> bytes:
        if earlier is not None:
            self._free.discard(key or "")
            await asyncio.wait([earlier])  # the same key before in this batch: this item is its retry
        try:
            answer = await self._decide(item, key)
        except Exception as error:  # noqa: BLE001 - the answer has begun: a line is the only place left to say it
            problem = _as_service_error(error)
            content = {"index": index, "status": problem.status, "problem": problem.problem()}
            if problem.retry_after_s:
                content["retry_after_s"] = problem.retry_after_s
            return json.dumps(content).encode() + b"\n"
        return b'{"index":%d,"status":200,"answer":%b}\n' % (index, answer)

    async def _decide(self, item: Any, key: str | None) -> bytes:
        validate_item(BatchItem, item)
        asked = {name: value for name, value in item.items() if name != "idempotency_key"}
        claim = make_claim(self.gardoon, self.asking.key_scope, key, PURPOSE, asked) if key else None
        request = DecideRequest.model_validate(asked)
        # a dry run claims nothing, so it would not find the key taken since
        if claim is not None and key in self._free and not request.dry_run:
            claim = replace(claim, found_free=True)
        return (await decide_for(self.gardoon, self.asking, request, claim)).content


def _as_service_error(error: Exception) -> ServiceError:
    """The error as a caller meets it."""
    if isinstance(error, ServiceError):
        return error
    _logger.error("an item of a batch could not be decided", exc_info=error)
    if isinstance(error, SQLAlchemyError):
        return failure_of(error)
    return ServiceError("the error was logged")
