"""Every error that the client raises.

GardoonError
├── UnreadableAnswerError      the answer lacks what this client knows it to have
├── NoAnswerError              the service was not reached, or went away before its answer was complete
└── ProblemError               the service answered with a problem document (RFC 9457)
    ├── RequestError           400, 405, 413, 422   as asked, it will never be answered
    ├── AccessError            401, 403
    ├── NotFoundError          404
    ├── ConflictError          409
    ├── GoneError              410
    ├── TooManyRequestsError   429
    └── UnavailableError       5xx                  later, it may be
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class GardoonError(Exception):
    """What the client raises."""


class NoAnswerError(GardoonError):
    """No complete answer came, after every retry; whether it was decided is not known: ask again under the same key."""


class UnreadableAnswerError(GardoonError):
    """The service answered, but not what this client reads: another version, or something that stands in its place."""


class ProblemError(GardoonError):
    """A problem document, whole in `document`; `retry_after_s` where the service says when to ask again."""

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        self.status = status
        self.document = document
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail", ""))
        self.errors: list[Mapping[str, Any]] = list(document.get("errors") or ())
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {self.title}: {self.detail}")


class RequestError(ProblemError):
    """As asked, it will never be answered."""


class AccessError(ProblemError):
    """No key, one that is not accepted, or one without the scope."""


class NotFoundError(ProblemError):
    """What was named is not there."""


class ConflictError(ProblemError):
    """It is being answered already, or was settled otherwise."""


class GoneError(ProblemError):
    """Its time is over."""


class TooManyRequestsError(ProblemError):
    """Asked more often than the key allows."""


class UnavailableError(ProblemError):
    """A part of the service is away."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    400: RequestError,
    401: AccessError,
    403: AccessError,
    404: NotFoundError,
    405: RequestError,
    409: ConflictError,
    410: GoneError,
    413: RequestError,
    422: RequestError,
    429: TooManyRequestsError,
}


def problem_of(status: int, document: Mapping[str, Any], retry_after_s: float | None = None) -> ProblemError:
    """The error of an answer with this status.

    >>> problem_of(404, {"title": "Unknown journey", "detail": "no journey 'x'"})
    NotFoundError("404 Unknown journey: no journey 'x'")
    """
    kind = _BY_STATUS.get(status, UnavailableError if status >= 500 else ProblemError)
    return kind(status, document, retry_after_s)
