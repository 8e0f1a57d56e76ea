"""Calls that are made again, of any worker, until they are answered."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx

from benchmarks.soak.told import Told

PATIENCE_S = 90.0
"""How long a caller goes on trying: longer than any part is away."""
TIMEOUT_S = 10.0
NDJSON = "application/x-ndjson"


class Calls:
    """A caller's line to the workers. It asks any of them, and asks again with the same key until it has an answer."""

    def __init__(
        self,
        *,
        ports: Sequence[int],
        rng: random.Random,
        told: Told,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ports = ports
        self._random = rng
        self._told = told
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, transport=transport)
        self.given_up_at: defaultdict[str, float] = defaultdict(float)
        """When a call about a customer was last given up while a worker may still have been at it."""

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def post(
        self, path: str, body: dict[str, Any], *, customer: str, key: str | None = None
    ) -> httpx.Response | None:
        """The first answer that is neither an error of the service nor "still at it"; None when patience ran out."""
        headers = {"content-type": "application/json", **({"Idempotency-Key": key} if key else {})}
        async for response in self._tries(path, json.dumps(body).encode(), headers, [customer]):
            in_use = response.status_code == 409 and "Retry-After" in response.headers
            if response.status_code < 500 and not in_use:
                return response
            self._told.refused += 1
        return None

    async def decide_batch(self, items: Sequence[dict[str, Any]], content_type: str) -> list[bytes | None]:
        """The answer to each item, to the byte; items of broken calls and refusals that pass are sent again."""
        answers: list[bytes | None] = [None] * len(items)
        left = list(range(len(items)))
        while left:
            asked = [items[place] for place in left]
            lines = await self._batch_lines(asked, content_type)
            if lines is None:
                return answers
            again = []
            for place, line in zip(left, lines, strict=True):
                told = json.loads(line)
                if told["status"] == 200:
                    answers[place] = line[line.index(b'"answer":') + len(b'"answer":') : -1]
                elif told["status"] >= 500 or "retry_after_s" in told:
                    again.append(place)
                else:
                    self._told.faults.append(f"an item of a batch was answered {line!r}")
            self._told.refused += len(again)
            left = again
        return answers

    async def _batch_lines(self, items: Sequence[dict[str, Any]], content_type: str) -> list[bytes] | None:
        """A line for each item; None when patience ran out."""
        encoded = [json.dumps(item) for item in items]
        content = "\n".join(encoded) if content_type == NDJSON else f"[{','.join(encoded)}]"
        headers, customers = {"content-type": content_type}, [item["customer_id"] for item in items]
        async for response in self._tries("/v1/decide/batch", content.encode(), headers, customers):
            lines = response.content.splitlines()
            if response.status_code == 200 and len(lines) == len(items):
                return lines
            self._told.refused += 1
            if response.status_code < 500 and response.status_code != 200:
                self._told.faults.append(f"a batch was answered {response.status_code}: {response.text}")
                return None
        return None

    async def _tries(
        self, path: str, content: bytes, headers: dict[str, str], customers: Sequence[str]
    ) -> AsyncIterator[httpx.Response]:
        """Answers to one call made again and again, until the caller is content or patience runs out."""
        clock = asyncio.get_running_loop().time
        end, pause = clock() + PATIENCE_S, 0.05
        while clock() < end:
            url = f"http://127.0.0.1:{self._random.choice(self._ports)}{path}"
            try:
                yield await self._http.post(url, content=content, headers=headers)
            except httpx.HTTPError as error:
                self._told.retries += 1
                if isinstance(error, httpx.TimeoutException):
                    self.given_up_at.update(dict.fromkeys(customers, clock()))
            await asyncio.sleep(pause * (0.5 + self._random.random()))
            pause = min(pause * 2, 2.0)
        self._told.faults.append(f"no answer of {path} within {PATIENCE_S:g} s")
