"""Constant load from outside: visits, retries, double taps, batches, what comes back, and all that was told remembered."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.soak.calls import NDJSON, Calls
from benchmarks.soak.told import Told

LATE_S = 16.0
"""After this long the windows are closed: what is told then corrects what was learnt."""
BATCH = 24
SOON = timedelta(minutes=5)


class Caller:
    """A journey engine. Some pages that show the wheel confirm it (deferred), for some customers all or none do."""

    def __init__(self, *, ports: Sequence[int], customers: Sequence[str], seed: int, told: Told) -> None:
        self._customers = list(customers)
        self._random = random.Random(seed)
        self._told = told
        self._calls = Calls(ports=ports, rng=self._random, told=told)
        self._serving: Counter[str] = Counter()
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
            task.add_done_callback(self._note_crash)
        await asyncio.gather(*running, return_exceptions=True)

    async def close(self) -> None:
        """Close the connections to the workers."""
        await self._calls.close()

    def withdraw(self, customer: str) -> None:
        """Ask about the customer no longer."""
        self._customers.remove(customer)

    def is_done_with(self, customer: str, *, grace_s: float) -> bool:
        """Whether no visit goes on, and any call that was given up was given up long enough ago."""
        since = asyncio.get_running_loop().time() - self._calls.given_up_at[customer]
        return not self._serving[customer] and since > grace_s

    async def tell_last(self) -> str:
        """The id of an outcome that changes no reward, accepted now; once it is taken in, all before it is."""
        identity = next(i for i, content in self._told.answers() if b'"status":"suppressed"' in content)
        customer = next(c for c, mine in self._told.customers.items() if identity in mine.answers)
        return await self._tell({"decision_id": identity, "customer_id": customer}, "opened")

    def _note_crash(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._told.faults.append(f"a visit ended with {task.exception()!r}")

    async def _visit(self) -> None:
        if self._random.random() < 0.02:
            await self._send_to_many()
            return
        customer = self._random.choice(self._customers)
        body = self._request(customer)
        taps = self._random.choice((1, 1, 2, 3)) if body["journey"] == "wheel" else 1
        with self._busy_with([customer]):
            answers = await asyncio.gather(*(self._decide(body) for _ in range(taps)))
            for answer in answers:
                if answer is not None:
                    await self._follow(answer, body)

    async def _send_to_many(self) -> None:
        """One call for many customers, as JSON or as lines; its last item is a retry of its first."""
        customers = self._random.sample(self._customers, min(BATCH, len(self._customers)))
        items = [{**self._request(each), "idempotency_key": self._new_key(each)} for each in customers]
        items.append(items[0])
        content_type = self._random.choice((NDJSON, "application/json"))
        self._told.asked[f"batches, {content_type}"] += 1
        with self._busy_with(customers):
            contents = await self._calls.decide_batch(items, content_type)
            if contents[0] != contents[-1]:
                self._told.faults.append(f"key {items[0]['idempotency_key']} got two answers in one batch")
            following = []
            for item, content in zip(items[:-1], contents[:-1], strict=True):
                if content is not None:
                    answer = self._remember(item["customer_id"], item["idempotency_key"], content)
                    following.append(self._follow(answer, item))
            await asyncio.gather(*following)

    @contextmanager
    def _busy_with(self, customers: Sequence[str]) -> Iterator[None]:
        self._serving.update(customers)
        try:
            yield
        finally:
            self._serving.subtract(customers)

    def _request(self, customer: str) -> dict[str, Any]:
        """What a journey engine may ask about a customer."""
        draw, body = self._random.random(), {"customer_id": customer}
        if draw < 0.35:
            deferred = self._random.random() < (0.0, 0.5, 1.0)[int(customer) % 3]
            return {**body, "journey": "wheel", **({"activate": "deferred"} if deferred else {})}
        if draw < 0.65:
            soon = {"deadline_at": (datetime.now(UTC) + SOON).isoformat()}
            return {**body, "journey": "campaign", **(soon if self._random.random() < 0.6 else {})}
        asked: dict[str, Any] = {**body, "journey": "weekly"}
        if self._random.random() < 0.25:
            asked["activate"] = "deferred"
        if self._random.random() < 0.2:
            baseline = {"channel": self._random.choice(("app_push", "email")), "coupon": "10000"}
            asked |= {"timeout_ms": self._random.choice((0, 3, 2000)), "baseline": baseline}
            self._told.asked["requests with a timeout"] += 1
        return asked

    def _new_key(self, customer: str) -> str:
        self._count += 1
        return f"{customer}.visit{self._count}x{self._random.getrandbits(32):08x}"

    async def _decide(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; with some chance asked twice at once with the same key, which must get the same bytes."""
        customer, key = body["customer_id"], self._new_key(body["customer_id"])
        twice = self._random.random() < 0.1
        asked = [self._calls.post("/v1/decide", body, customer=customer, key=key) for _ in range(1 + twice)]
        found = [answer for answer in await asyncio.gather(*asked) if answer is not None]
        if not found:
            return None
        if found[0].status_code != 200:
            self._told.faults.append(f"asked {body}, answered {found[0].status_code} {found[0].text}")
            return None
        if len({answer.content for answer in found}) > 1:
            self._told.faults.append(f"key {key} got two answers")
        return self._remember(customer, key, found[0].content)

    def _remember(self, customer: str, key: str, content: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(content)
        mine = self._told.customers[customer]
        mine.answers[answer["decision_id"]] = content
        mine.keys[key] = answer["decision_id"]
        return answer

    async def _follow(self, answer: dict[str, Any], body: dict[str, Any]) -> None:
        """What comes of an answer: nothing where nothing is done, or where a deferred decision is never activated."""
        if answer["status"] not in ("act", "hold", "fallback"):
            return
        if body.get("activate") == "deferred" and not await self._activated(answer):
            return
        if answer["channel"]:
            await self._deliver(answer)
        coupon = answer["coupon"]
        if answer["decision_id"] in self._told.undelivered:
            return  # nobody saw the code, which is dead
        if coupon is not None and self._random.random() < 0.5 and await self._redeem(answer, coupon["code"]):
            await self._order(answer)

    async def _activated(self, answer: dict[str, Any]) -> bool:
        """Whether a deferred decision is in effect: it is activated or not, by chance, and may have waited too long."""
        if self._random.random() < 0.5:
            self._told.asked["deferred decisions left alone"] += 1
            return False
        path = f"/v1/decisions/{answer['decision_id']}/activate"
        response = await self._calls.post(path, {}, customer=answer["customer_id"])
        if response is None or response.status_code != 200:
            if response is not None and response.status_code != 410:
                self._told.faults.append(f"activating {answer['decision_id']}: {response.text}")
            return False
        self._told.activated.add(answer["decision_id"])
        return True

    async def _deliver(self, answer: dict[str, Any]) -> None:
        """What comes of a message; nothing yet where it goes out later."""
        if answer["send_at"] and datetime.fromisoformat(answer["send_at"]) > datetime.now(UTC):
            return
        draw = self._random.random()
        if draw < 0.1:
            self._told.undelivered.add(answer["decision_id"])
            await self._tell(answer, "undelivered")
            return
        await self._tell(answer, "delivered")
        if draw < 0.3:
            await self._tell(answer, "clicked", late=draw < 0.15)

    async def _order(self, answer: dict[str, Any]) -> None:
        """What the coupon's order brings; sometimes told late, sometimes sent back in part or whole, at once or late."""
        money = self._random.randrange(100_000, 900_000, 1000)
        await self._tell(answer, "purchased", value=money, late=self._random.random() < 0.1)
        if self._random.random() < 0.3:
            back = money if self._random.random() < 0.5 else money // 3
            self._told.asked["refunds"] += 1
            await self._tell(answer, "refunded", value=back, late=self._random.random() < 0.5)

    async def _tell(
        self, answer: dict[str, Any], kind: str, *, value: float | None = None, late: bool = False
    ) -> str:
        """Tell of an outcome of now, at once or when the windows are closed; its id."""
        identity, customer = answer["decision_id"], answer["customer_id"]
        item = {
            "event_id": f"{customer}.{identity}-{kind}",
            "decision_id": identity,
            "kind": kind,
            "occurred_at": datetime.now(UTC).isoformat(),
            **({} if value is None else {"value": value, "currency": "IRT"}),
        }
        if late:
            self._told.asked["outcomes told late"] += 1
            await asyncio.sleep(LATE_S)
        response = await self._calls.post("/v1/outcomes", {"outcomes": [item]}, customer=customer)
        if response is not None:
            results = response.json().get("results", [{"status": response.status_code}])
            if results[0]["status"] in (200, 202):
                self._told.customers[customer].events.add(item["event_id"])
            else:
                self._told.faults.append(f"outcome {item}: {response.text}")
        return str(item["event_id"])

    async def _redeem(self, answer: dict[str, Any], code: str) -> bool:
        """Two orders fight over one code: whether one of these got it, and not another visit's."""
        customer = answer["customer_id"]
        orders = [f"order-{answer['decision_id']}-{number}" for number in range(2)]
        asked = [
            self._calls.post("/v1/coupons/redeem", {"code": code, "order_id": order}, customer=customer)
            for order in orders
        ]
        answers = await asyncio.gather(*asked)
        won = [o for o, a in zip(orders, answers, strict=True) if a is not None and a.status_code == 200]
        if len(won) > 1:
            self._told.faults.append(f"code {code} was redeemed by {won}")
        if won:
            self._told.customers[customer].redeemed.setdefault(code, won[0])
        for each in answers:
            if each is not None and each.status_code not in (200, 409):
                self._told.faults.append(f"redeeming {code}: {each.status_code} {each.text}")
        return bool(won)
