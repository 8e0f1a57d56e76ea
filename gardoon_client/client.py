"""The client for code that waits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from gardoon_client.answer import Decision, OutcomeResult, Redemption, Scores
from gardoon_client.exchange import Call, Pending, base_headers, call_of, decide_call, document_of, problem_in
from gardoon_client.problem import GardoonError, NoAnswerError, ProblemError
from gardoon_client.request import DecideRequest, Outcome, RedeemRequest, as_json
from gardoon_client.retry import Retry


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
        return Decision.of(self._ask(decide_call(request)))

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
        body = {"outcomes": [as_json(outcome) for outcome in outcomes]}
        return [
            OutcomeResult.of(each) for each in self._ask(call_of("POST", "/v1/outcomes", body))["results"]
        ]

    def activate(self, decision_id: str) -> None:
        """Put a deferred decision into effect; doing it again changes nothing."""
        self._ask(call_of("POST", f"/v1/decisions/{quote(decision_id, safe='')}/activate"))

    def redeem(self, request: RedeemRequest) -> Redemption:
        """The coupon, used by the order. Raises `ConflictError` when another order has it, `GoneError` when it expired."""
        return Redemption.of(self._ask(call_of("POST", "/v1/coupons/redeem", as_json(request))))

    def score(self, customer_id: str) -> Scores:
        """The customer's scores, without deciding."""
        found = self._ask(call_of("POST", "/v1/score", {"customer_id": customer_id}))
        return Scores.of(found["scores"])

    def read_decision(self, decision_id: str) -> dict[str, Any]:
        """The decision as logged, with what came back."""
        found: dict[str, Any] = self._ask(call_of("GET", f"/v1/decisions/{quote(decision_id, safe='')}"))
        return found

    def _ask(self, call: Call) -> Any:
        return self._repeat(lambda: self._answer(call))

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
