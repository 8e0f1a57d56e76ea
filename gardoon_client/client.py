"""The client for code that waits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
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


class Client:
    """Asks one Gardoon; use it as a context manager, or `close` it. Every method raises `GardoonError`."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        retry: Retry | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http or httpx.Client(timeout=10)
        self._http.base_url = base_url
        self._http.headers.update(base_headers(api_key))
        self._retry = retry or Retry()
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def decide(self, request: DecideRequest) -> Decision:
        """The decision, the same however often it had to be asked for."""
        return self._ask(question.decide(request))

    def decide_many(self, requests: Sequence[DecideRequest]) -> list[Decision | ProblemError]:
        """For each of up to 1,000 requests, in order, its decision or its problem; what was lost is asked for again."""
        pending = Pending(requests)
        try:
            self._repeat(lambda: self._stream(pending))
        except GardoonError:
            if not pending.began:
                raise
        return pending.results

    def tell(self, outcomes: Sequence[Outcome]) -> list[OutcomeResult]:
        """What became of each of up to 1,000 outcomes, in order."""
        return list((self._ask(question.tell(outcomes))).results)

    def activate(self, decision_id: str) -> Activation:
        """Put a deferred decision into effect; doing it again changes nothing."""
        return self._ask(question.activate(decision_id))

    def complements(self, request: ComplementsRequest) -> Complements:
        """The products that go with a cart."""
        return self._ask(question.complements(request))

    def redeem(self, request: RedeemRequest) -> CouponState:
        """The coupon, used by the order. Raises `ConflictError` when another order has it, `GoneError` when it expired."""
        return self._ask(question.redeem(request))

    def coupon(self, code: str) -> CouponState:
        """How a coupon stands."""
        return self._ask(question.coupon(code))

    def coupon_keys(self) -> CouponKeys:
        """The public keys to check coupons' tokens with; they hold for minutes, revoked ones are gone."""
        return self._ask(question.coupon_keys())

    def customer(self, customer_id: str, *, limit: int = 50, before: str | None = None) -> Customer:
        """What is known of a customer; `before` is `next_before` of the page before."""
        return self._ask(question.customer(customer_id, limit, before))

    def allowance(self, customer_id: str) -> Allowance:
        """What a customer may still get, and when the rest frees up."""
        return self._ask(question.allowance(customer_id))

    def budgets(self) -> Budgets:
        """How today's coupon budgets stand."""
        return self._ask(question.budgets())

    def groups(self, since: datetime | None = None) -> Groups:
        """Customers by group against the declared shares; of the last week where no moment is given."""
        return self._ask(question.groups(since))

    def segments(self) -> Segments:
        """The declared segments, and which of them journeys are for."""
        return self._ask(question.segments())

    def wheel_link(self, request: WheelLinkRequest) -> WheelLink:
        """A link that opens a customer's wheel for some minutes."""
        return self._ask(question.wheel_link(request))

    def score(self, customer_id: str) -> ScoredCustomer:
        """The customer's scores, without deciding."""
        return self._ask(question.score(customer_id))

    def read_decision(self, decision_id: str) -> LoggedDecision:
        """The decision as logged, with what came back."""
        return self._ask(question.logged_decision(decision_id))

    def _ask(self, asked: Question[_T]) -> _T:
        return asked.read(self._repeat(lambda: self._answer(asked.call)))

    def _answer(self, call: Call) -> Any:
        try:
            return document_of(
                self._http.request(call.method, call.path, content=call.content, headers=call.headers)
            )
        except httpx.RequestError as error:
            raise NoAnswerError(f"{call.method} {call.path}: {type(error).__name__}: {error}") from error

    def _stream(self, pending: Pending) -> None:
        call, lines = pending.call(), list[str]()
        try:
            with self._http.stream(
                call.method, call.path, content=call.content, headers=call.headers
            ) as response:
                if not response.is_success:
                    response.read()
                    raise problem_in(response)
                for line in response.iter_lines():
                    lines.append(line)
        except httpx.RequestError as error:
            pending.take(lines)
            raise NoAnswerError(f"{call.method} {call.path}: {type(error).__name__}: {error}") from error
        if later := pending.take(lines):
            raise later

    def _repeat(self, ask: Callable[[], Any]) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return ask()
            except GardoonError as error:
                pause_s = self._retry.pause_s(attempt, error, random.random)
                if pause_s is None:
                    raise
            self._sleep(pause_s)
