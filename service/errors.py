"""Every error that a caller can meet, each with its status; one handler renders them as RFC 9457 problem documents.

ServiceError
├── UnauthenticatedError       401   no API key or token, or one that is not accepted
├── ScopeError                 403   the caller's scopes do not cover the endpoint
├── ForgedFormError            403   a form of the console that it did not make
├── SpentLinkError             410   a wheel's link that is not ours or is valid no more
├── UnknownEndpointError       404
├── MethodNotAllowedError      405
├── TooManyRequestsError       429   it was asked more often than a limit lets through
├── AccessUnavailableError     503   who asks cannot be told
├── UnknownJourneyError        404
├── UnknownDecisionError       404
├── UnknownCouponError         404
├── CouponRedeemedError        409   another order has used it
├── CouponInactiveError        409   its decision was deferred and is not activated
├── CouponExpiredError         410
├── TamperedCouponError        422   the code or token is not one as they are given
├── ForeignCouponError         422   it was given to another customer
├── UnusableRequestError       422   what was asked for cannot be decided in this journey
├── InvalidRequestError        422   a batch, or an item of one, that is not as described; every fault with its place
├── InvalidRankError           400   not what the Personalizer routes take
├── UnknownEventError          404   of the Personalizer routes
├── EventReusedError           409   the event's id stands for another ranking
├── KeyReusedError             422   the idempotency key was used for another request
├── KeyInUseError              409   the request with this idempotency key is still being answered
├── ActivationExpiredError     410   the deferred decision was not activated in time
├── BodyTooLargeError          413
├── NotReadyError              503   no champions yet
├── BusyCustomerError          503   too many decisions about one customer at once
├── LogUnavailableError        503   nothing is answered that is not in the log
└── UnstorableError            500   a value that the log cannot hold got past every check: a fault of ours
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

    def headers(self) -> dict[str, str]:
        """The headers that belong to the answer."""
        return {"Retry-After": str(self.retry_after_s)} if self.retry_after_s else {}


class UnauthenticatedError(ServiceError):
    """The request carries no API key or bearer token, or one that is not accepted."""

    status = 401
    title = "Not authenticated"

    def headers(self) -> dict[str, str]:
        """The challenge that a 401 must carry."""
        return {"WWW-Authenticate": 'Bearer realm="gardoon"'}


class ScopeError(ServiceError):
    """The caller is known, but its scopes do not cover the endpoint."""

    status = 403
    title = "Scope missing"

    def __init__(self, wanted: str, held: Iterable[str]) -> None:
        super().__init__(f"this endpoint needs the scope {wanted}; the caller has {', '.join(sorted(held))}")
        self.wanted = wanted

    def headers(self) -> dict[str, str]:
        """The challenge that names the scope."""
        return {
            "WWW-Authenticate": f'Bearer realm="gardoon", error="insufficient_scope", scope="{self.wanted}"'
        }


class ForgedFormError(ServiceError):
    """The form does not carry the token that the console put into it."""

    status = 403
    title = "Form not accepted"


class SpentLinkError(ServiceError):
    """The link to a wheel was not made here, was altered, or is valid no more."""

    status = 410
    title = "Link not valid"


class UnknownEndpointError(ServiceError):
    """Nothing is served at this path."""

    status = 404
    title = "Unknown endpoint"


class MethodNotAllowedError(ServiceError):
    """The path is served, but not with this method."""

    status = 405
    title = "Method not allowed"

    def __init__(self, detail: str, allowed: Sequence[str]) -> None:
        super().__init__(detail)
        self.allowed = allowed

    def headers(self) -> dict[str, str]:
        """The methods there are."""
        return {"Allow": ", ".join(self.allowed)}


class TooManyRequestsError(ServiceError):
    """Somebody asked more often than the limit `counted`; `retry_after_s` is when the next request would be let through."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, counted: str, policy: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.counted = counted
        self.policy = policy
        self.retry_after_s = retry_after_s

    def headers(self) -> dict[str, str]:
        """When to ask again, and what is left until then: nothing."""
        return {
            **super().headers(),
            "RateLimit-Policy": self.policy,
            "RateLimit": f'"{self.counted}";r=0;t={self.retry_after_s}',
        }


class AccessUnavailableError(ServiceError):
    """Neither the keys nor the issuer's could be read, so nobody can be let in."""

    status = 503
    title = "Access unavailable"
    retry_after_s = 5


class UnknownJourneyError(ServiceError):
    """The journey is not declared."""

    status = 404
    title = "Unknown journey"


class UnknownDecisionError(ServiceError):
    """No decision of that id is in the log."""

    status = 404
    title = "Unknown decision"


class UnknownCouponError(ServiceError):
    """No coupon of that code was given."""

    status = 404
    title = "Unknown coupon"


class CouponRedeemedError(ServiceError):
    """Another order has used the coupon."""

    status = 409
    title = "Coupon already redeemed"


class CouponInactiveError(ServiceError):
    """The coupon's decision was deferred and is not activated, so it was never given."""

    status = 409
    title = "Coupon not activated"


class CouponExpiredError(ServiceError):
    """The coupon was not redeemed in time."""

    status = 410
    title = "Coupon expired"


class TamperedCouponError(ServiceError):
    """The code or token has not the form of one, was altered, or is signed with no key of ours."""

    status = 422
    title = "Coupon not genuine"


class ForeignCouponError(ServiceError):
    """The coupon was given to another customer."""

    status = 422
    title = "Another customer's coupon"


class UnusableRequestError(ServiceError):
    """The request is well-formed but asks for what the journey does not declare."""

    status = 422
    title = "Unusable request"


class InvalidRequestError(ServiceError):
    """The body of a batch, or an item of it, is not as the OpenAPI document describes it."""

    status = 422
    title = "Invalid request"

    def __init__(self, faults: Sequence[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{fault['field']}: {fault['fault']}" for fault in faults[:5]))
        self.faults = faults

    @classmethod
    def of(cls, field: str, fault: str) -> InvalidRequestError:
        """The error of one fault."""
        return cls([{"field": field, "fault": fault}])

    def problem(self) -> dict[str, Any]:
        """The problem document with every fault."""
        return {**super().problem(), "errors": list(self.faults)}


class PersonalizerError(ServiceError):
    """What the Personalizer routes answer: a problem document that also has the error object of the former service."""

    code = "InternalServerError"

    def problem(self) -> dict[str, Any]:
        """The problem document with `error.code` and `error.message`."""
        return {**super().problem(), "error": {"code": self.code, "message": self.detail}}


class InvalidRankError(PersonalizerError):
    """A ranking or reward that is not as the OpenAPI document describes it."""

    status = 400
    title = "Invalid request"
    code = "BadRequest"


class UnknownEventError(PersonalizerError):
    """No event of that id was ranked."""

    status = 404
    title = "Unknown event"
    code = "ResourceNotFound"


class EventReusedError(PersonalizerError):
    """The event's id stands for another ranking."""

    status = 409
    title = "Event id reused"
    code = "Conflict"


class KeyReusedError(ServiceError):
    """The idempotency key stands for another request."""

    status = 422
    title = "Idempotency key reused"


class KeyInUseError(ServiceError):
    """The first request with this idempotency key is still being answered."""

    status = 409
    title = "Request in progress"
    retry_after_s = 1


class BodyTooLargeError(ServiceError):
    """The body is larger than accepted."""

    status = 413
    title = "Body too large"


class NotReadyError(ServiceError):
    """No champion of the models that the request needs has been published yet."""

    status = 503
    title = "Not ready"
    retry_after_s = 2


class LogUnavailableError(ServiceError):
    """The decision log could not take the record, so the decision was not answered."""

    status = 503
    title = "Decision log unavailable"
    retry_after_s = 1


class UnstorableError(ServiceError):
    """The log cannot hold a value of the request, and nothing had refused it: a fault of ours that no retry mends."""

    title = "Value not storable"


class BusyCustomerError(ServiceError):
    """The customer's standing moved under every attempt to decide."""

    status = 503
    title = "Customer busy"
    retry_after_s = 1


class ActivationExpiredError(ServiceError):
    """A deferred decision was not activated in time: its claims have lapsed."""

    status = 410
    title = "Activation expired"
