"""Constant load from outside: visits, retries, double taps, deliveries, clicks and redemptions, all remembered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

PATIENCE_S = 90.0
"""How long a caller goes on retrying: longer than any part is away."""


@dataclass
class Told:
    """What the service told its callers: the audit holds it against the log."""

    answers: dict[str, bytes] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    undelivered: set[str] = field(default_factory=set)
    unused: set[str] = field(default_factory=set)
    """Deferred decisions that nobody activated."""
    redeemed: dict[str, str] = field(default_factory=dict)
    """Order by coupon code."""
    faults: list[str] = field(default_factory=list)
    retries: int = 0
    refused: int = 0


class Caller:
    """A journey engine: it asks any worker, and asks again with the same key until it has an answer."""

    def __init__(self, *, ports: Sequence[int], customers: Sequence[str], seed: int, told: Told) -> None:
        self._ports = ports
        self._customers = customers
        self._random = random.Random(seed)
        self._told = told
        self._http = httpx.AsyncClient(timeout=10)
        self._count = 0

    async def run(self, per_second: float, until: Callable[[], bool]) -> None:
        """Visits at a constant rate until told to stop; then every visit is seen to its end."""
        loop, running = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        next_at = loop.time()
        while not until():
            next_at += 1 / per_second
            await asyncio.sleep(max(next_at - loop.time(), 0))
            task = asyncio.create_task(self._visit())
            running.add(task)
            task.add_done_callback(running.discard)
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, BaseException):
                self._told.faults.append(f"a visit ended with {outcome!r}")
        await self._http.aclose()

    async def _visit(self) -> None:
        customer = self._random.choice(self._customers)
        kind, deferred = self._random.random(), False
        if kind < 0.4:
            taps = [self._decide(customer, "wheel") for _ in range(self._random.choice((1, 1, 2, 3)))]
            answers = await asyncio.gather(*taps)
        elif kind < 0.5:
            deferred = True
            answers = [await self._decide(customer, "weekly", activate="deferred")]
        else:
            answers = [await self._decide(customer, "weekly")]
        for answer in answers:
            if answer is not None and answer["status"] == "act" and await self._in_effect(answer, deferred):
                await self._live(answer)

    async def _decide(self, customer: str, journey: str, **more: str) -> dict[str, Any] | None:
        """The answer; with some chance asked twice at once with the same key, which must get the same bytes."""
        self._count += 1
        key = f"visit-{self._count}-{self._random.getrandbits(32):08x}"
        body = {"customer_id": customer, "journey": journey, **more}
        twice = self._random.random() < 0.1
        asked = [self._until_answered("/v1/decide", body, key) for _ in range(1 + twice)]
        found = [answer for answer in await asyncio.gather(*asked) if answer is not None]
        if not found:
            return None
        if len({answer.content for answer in found}) > 1:
            self._told.faults.append(f"key {key} got two answers")
        answer: dict[str, Any] = found[0].json()
        self._told.answers[answer["decision_id"]] = found[0].content
        self._told.by_key[key] = answer["decision_id"]
        return answer

    async def _in_effect(self, answer: dict[str, Any], deferred: bool) -> bool:
        """Whether the decision is in effect: a deferred one is activated or not, by chance."""
        identity = answer["decision_id"]
        if not deferred:
            return True
        if self._random.random() < 0.5:
            response = await self._until_answered(f"/v1/decisions/{identity}/activate", {}, None)
            if response is not None and response.status_code == 200:
                return True
        self._told.unused.add(identity)
        return False

    async def _live(self, answer: dict[str, Any]) -> None:
        """What comes of an answer that acts."""
        identity, draw = answer["decision_id"], self._random.random()
        if answer["channel"]:
            if draw < 0.1:
                self._told.undelivered.add(identity)
                await self._tell(identity, "undelivered")
                return
            await self._tell(identity, "delivered")
            if draw < 0.3:
                await self._tell(identity, "clicked")
        if answer["coupon"] is not None and self._random.random() < 0.5:
            await self._redeem(answer["coupon"]["code"], identity)

    async def _tell(self, identity: str, kind: str, **more: Any) -> None:
        event = f"{identity}-{kind}"
        now = datetime.now(UTC).isoformat()
        item = {"event_id": event, "decision_id": identity, "kind": kind, "occurred_at": now, **more}
        response = await self._until_answered("/v1/outcomes", {"outcomes": [item]}, None)
        if response is not None:
            status = response.json()["results"][0]["status"]
            if status in (200, 202):
                self._told.accepted.add(event)
            else:
                self._told.faults.append(f"outcome {event} was answered {status}: {response.text}")

    async def _redeem(self, code: str, identity: str) -> None:
        """Two orders fight over one code: one of them gets it."""
        orders = [f"order-{identity}-{number}" for number in range(2)]
        asked = [
            self._until_answered("/v1/coupons/redeem", {"code": code, "order_id": o}, None) for o in orders
        ]
        answers = await asyncio.gather(*asked)
        won = [
            order for order, a in zip(orders, answers, strict=True) if a is not None and a.status_code == 200
        ]
        if len(won) > 1:
            self._told.faults.append(f"code {code} was redeemed by {won}")
        if won:
            self._told.redeemed.setdefault(code, won[0])
        for answer in answers:
            if answer is not None and answer.status_code not in (200, 409):
                self._told.faults.append(f"redeeming {code}: {answer.status_code} {answer.text}")

    async def _until_answered(
        self, path: str, body: dict[str, Any], key: str | None
    ) -> httpx.Response | None:
        """The first answer that is neither an error of the service nor "still at it"; None when patience ran out."""
        end = asyncio.get_running_loop().time() + PATIENCE_S
        headers = {"Idempotency-Key": key} if key else {}
        pause = 0.05
        while asyncio.get_running_loop().time() < end:
            url = f"http://127.0.0.1:{self._random.choice(self._ports)}{path}"
            try:
                response = await self._http.post(url, json=body, headers=headers)
            except httpx.HTTPError:
                self._told.retries += 1
            else:
                in_use = response.status_code == 409 and "Retry-After" in response.headers
                if response.status_code < 500 and not in_use:
                    return response
                self._told.refused += 1
            await asyncio.sleep(pause * (0.5 + self._random.random()))
            pause = min(pause * 2, 2.0)
        self._told.faults.append(f"no answer of {path} within {PATIENCE_S:g} s")
        return None
