"""What goes over the wire, the same for both clients: requests from values, values or errors from answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from gardoon_client.answer import Decision
from gardoon_client.problem import NoAnswerError, ProblemError, problem_of
from gardoon_client.reader import reading
from gardoon_client.request import DecideRequest, as_json
from gardoon_client.retry import may_pass

NDJSON = "application/x-ndjson"
_decision = reading(Decision)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, with everything that its retries repeat."""

    method: str
    path: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def call_of(method: str, path: str, body: Any = None, **headers: str) -> Call:
    """A call with a JSON body, if any."""
    if body is None:
        return Call(method=method, path=path, headers=headers)
    content = json.dumps(body, allow_nan=False).encode()
    return Call(
        method=method, path=path, content=content, headers={"content-type": "application/json", **headers}
    )


def decide_call(request: DecideRequest) -> Call:
    """The call of one decision, under its key or a new one."""
    body = as_json(request)
    key = body.pop("idempotency_key", None) or new_key()
    return call_of("POST", "/v1/decide", body, **{"idempotency-key": key})


def new_key() -> str:
    """A key that nobody else has."""
    return str(uuid.uuid4())


def base_headers(api_key: str | None) -> dict[str, str]:
    """The headers of every request."""
    headers = {"accept": f"application/json, {NDJSON}", "user-agent": "gardoon-client"}
    return headers if api_key is None else {**headers, "authorization": f"Bearer {api_key}"}


def document_of(response: httpx.Response) -> Any:
    """The JSON of a complete answer. Raises `ProblemError` for an error status."""
    if not response.is_success:
        raise problem_in(response)
    try:
        return response.json() if response.content else None
    except ValueError as error:
        raise NoAnswerError(
            f"{response.status_code} without JSON from {response.request.url.path}"
        ) from error


def problem_in(response: httpx.Response) -> ProblemError:
    """The error in an answer that is none; what stands between here and the service may answer without a document."""
    try:
        found = response.json()
    except ValueError:
        found = None
    document = found if isinstance(found, dict) else {"title": response.reason_phrase}
    return problem_of(response.status_code, document, _seconds(response.headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None  # a date: nobody here sends one


class Pending:
    """A batch under way: which items still have no final answer, and what the others got."""

    def __init__(self, requests: Sequence[DecideRequest]) -> None:
        bodies = [as_json(request) for request in requests]
        self._bodies = [{"idempotency_key": new_key(), **body} for body in bodies]
        self._open = list(range(len(bodies)))
        self.began = False
        self.results: list[Decision | ProblemError] = [
            problem_of(503, {"title": "No answer", "detail": "the batch ended before this item was answered"})
        ] * len(bodies)

    def call(self) -> Call:
        """The call for the items that are open."""
        lines = [json.dumps(self._bodies[place], allow_nan=False) for place in self._open]
        content = "\n".join(lines).encode()
        return Call(method="POST", path="/v1/decide/batch", content=content, headers={"content-type": NDJSON})

    def take(self, lines: Sequence[str]) -> ProblemError | None:
        """Note these lines of an answer; of the items that may pass later, one's error, None when there is none such."""
        later: ProblemError | None = None
        done: set[int] = set()
        for line in lines:
            self.began, found = True, json.loads(line)
            place = self._open[found["index"]]
            if found["status"] == 200:
                self.results[place] = _decision(found["answer"])
                done.add(place)
                continue
            error = problem_of(found["status"], found["problem"], found.get("retry_after_s"))
            self.results[place] = error
            if may_pass(error):
                later = error
            else:
                done.add(place)
        self._open = [place for place in self._open if place not in done]
        return later
