"""The client for code that awaits: `Client` with `await` before every call."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from gardoon_client import question
from gardoon_client.answer import (
    Activation,
    CouponKeys,
    CouponState,
    Decision,
    LoggedDecision,
    OutcomeResult,
    ScoredCustomer,
)
from gardoon_client.complements import Complements, ComplementsRequest
from gardoon_client.customer import Customer
from gardoon_client.exchange import Call, Pending, base_headers, document_of, problem_in
from gardoon_client.problem import GardoonError, NoAnswerError, ProblemError
from gardoon_client.question import Question
from gardoon_client.request import DecideRequest, Outcome, RedeemRequest
from gardoon_client.retry import Retry
from gardoon_client.segment import Segments
from gardoon_client.standing import Allowance, Budgets, Groups
from gardoon_client.wheel import WheelLink, WheelLinkRequest

_T = TypeVar("_T")


class AsyncClient:
    """Asks one Gardoon; use it as an async context manager, or `close` it. Every method raises `GardoonError`."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        retry: Retry | None = None,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http or httpx.AsyncClient(timeout=10)
        self._http.base_url = base_url
        self._http.headers.update(base_headers(api_key))
        self._retry = retry or Retry()
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def decide(self, request: DecideRequest) -> Decision:
        """The decision, the same however often it had to be asked for."""
        return await self._ask(question.decide(request))

    async def decide_many(self, requests: Sequence[DecideRequest]) -> list[Decision | ProblemError]:
        """For each of up to 1,000 requests, in order, its decision or its problem; what was lost is asked for again."""
        pending = Pending(requests)
        try:
            await self._repeat(lambda: self._stream(pending))
        except GardoonError:
            if not pending.began:
                raise
        return pending.results

    async def tell(self, outcomes: Sequence[Outcome]) -> list[OutcomeResult]:
        """What became of each of up to 1,000 outcomes, in order."""
        return list((await self._ask(question.tell(outcomes))).results)

    async def activate(self, decision_id: str) -> Activation:
        """Put a deferred decision into effect; doing it again changes nothing."""
        return await self._ask(question.activate(decision_id))

    async def complements(self, request: ComplementsRequest) -> Complements:
        """The products that go with a cart."""
        return await self._ask(question.complements(request))

    async def redeem(self, request: RedeemRequest) -> CouponState:
        """The coupon, used by the order. Raises `ConflictError` when another order has it, `GoneError` when it expired."""
        return await self._ask(question.redeem(request))

    async def coupon(self, code: str) -> CouponState:
        """How a coupon stands."""
        return await self._ask(question.coupon(code))

    async def coupon_keys(self) -> CouponKeys:
        """The public keys to check coupons' tokens with; they hold for minutes, revoked ones are gone."""
        return await self._ask(question.coupon_keys())

    async def customer(self, customer_id: str, *, limit: int = 50, before: str | None = None) -> Customer:
        """What is known of a customer; `before` is `next_before` of the page before."""
        return await self._ask(question.customer(customer_id, limit, before))

    async def allowance(self, customer_id: str) -> Allowance:
        """What a customer may still get, and when the rest frees up."""
        return await self._ask(question.allowance(customer_id))

    async def budgets(self) -> Budgets:
        """How today's coupon budgets stand."""
        return await self._ask(question.budgets())

    async def groups(self, since: datetime | None = None) -> Groups:
        """Customers by group against the declared shares; of the last week where no moment is given."""
        return await self._ask(question.groups(since))

    async def segments(self) -> Segments:
        """The declared segments, and which of them journeys are for."""
        return await self._ask(question.segments())

    async def wheel_link(self, request: WheelLinkRequest) -> WheelLink:
        """A link that opens a customer's wheel for some minutes."""
        return await self._ask(question.wheel_link(request))

    async def score(self, customer_id: str) -> ScoredCustomer:
        """The customer's scores, without deciding."""
        return await self._ask(question.score(customer_id))

    async def read_decision(self, decision_id: str) -> LoggedDecision:
        """The decision as logged, with what came back."""
        return await self._ask(question.logged_decision(decision_id))

    async def _ask(self, asked: Question[_T]) -> _T:
        return asked.read(await self._repeat(lambda: self._answer(asked.call)))

    async def _answer(self, call: Call) -> Any:
        try:
            return document_of(
                await self._http.request(call.method, call.path, content=call.content, headers=call.headers)
            )
        except httpx.RequestError as error:
            raise NoAnswerError(f"{call.method} {call.path}: {type(error).__name__}: {error}") from error

    async def _stream(self, pending: Pending) -> None:
        call, lines = pending.call(), list[str]()
        try:
            async with self._http.stream(
                call.method, call.path, content=call.content, headers=call.headers
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise problem_in(response)
                async for line in response.aiter_lines():
                    lines.append(line)
        except httpx.RequestError as error:
            pending.take(lines)
            raise NoAnswerError(f"{call.method} {call.path}: {type(error).__name__}: {error}") from error
        if later := pending.take(lines):
            raise later

    async def _repeat(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await ask()
            except GardoonError as error:
                pause_s = self._retry.pause_s(attempt, error, random.random)
                if pause_s is None:
                    raise
            await self._sleep(pause_s)
