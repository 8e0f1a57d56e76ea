"""Every error that a caller can meet, each with its status; one handler renders them as RFC 9457 problem documents.

ServiceError
├── UnknownJourneyError        404
├── UnknownDecisionError       404
├── UnusableRequestError       422   what was asked for cannot be decided in this journey
├── BodyTooLargeError          413
├── NotReadyError              503   no champions yet
├── FeaturesUnavailableError   503   nothing is decided without consent and reach, which are features
└── LogUnavailableError        503   nothing is answered that is not in the log
"""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An error with an HTTP status and a title; `detail` says what was found and what is wanted."""

    status = 500
    title = "Internal error"
    retry_after_s: int | None = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def problem(self) -> dict[str, Any]:
        """The problem document (RFC 9457, section 3.1)."""
        return {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}


class UnknownJourneyError(ServiceError):
    """The journey is not declared."""

    status = 404
    title = "Unknown journey"


class UnknownDecisionError(ServiceError):
    """No decision of that id is in the log."""

    status = 404
    title = "Unknown decision"


class UnusableRequestError(ServiceError):
    """The request is well-formed but asks for what the journey does not declare."""

    status = 422
    title = "Unusable request"


class BodyTooLargeError(ServiceError):
    """The body is larger than accepted."""

    status = 413
    title = "Body too large"


class NotReadyError(ServiceError):
    """No champion scorers and policies have been published yet."""

    status = 503
    title = "Not ready"
    retry_after_s = 2


class FeaturesUnavailableError(ServiceError):
    """The online store did not answer; that a customer has no features is another thing, and no error."""

    status = 503
    title = "Online store unavailable"
    retry_after_s = 1


class LogUnavailableError(ServiceError):
    """The decision log could not take the record, so the decision was not answered."""

    status = 503
    title = "Decision log unavailable"
    retry_after_s = 1
