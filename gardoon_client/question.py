"""Every question that a shop asks, the same for both clients: the call, and how its answer is read.

Each may be asked again after a broken connection: reading changes nothing, a decision carries its key, an outcome its
`event_id`, a redemption its order and an activation its decision, by which the service knows the repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from gardoon_client import answer, standing
from gardoon_client.complements import Complements, ComplementsRequest
from gardoon_client.customer import Customer
from gardoon_client.exchange import Call, call_of, decide_call
from gardoon_client.reader import reading
from gardoon_client.request import DecideRequest, Outcome, RedeemRequest, as_json, in_zone
from gardoon_client.segment import Segments
from gardoon_client.wheel import WheelLink, WheelLinkRequest

_T = TypeVar("_T")


@dataclass(frozen=True)
class Question(Generic[_T]):
    """A call, and what reads the JSON that it is answered with."""

    call: Call
    read: Callable[[Any], _T]


def decide(request: DecideRequest) -> Question[answer.Decision]:
    """`POST /v1/decide`."""
    return Question(decide_call(request), reading(answer.Decision))


def tell(outcomes: Sequence[Outcome]) -> Question[answer.OutcomesAnswer]:
    """`POST /v1/outcomes`."""
    body = {"outcomes": [as_json(outcome) for outcome in outcomes]}
    return Question(call_of("POST", "/v1/outcomes", body), reading(answer.OutcomesAnswer))


def activate(decision_id: str) -> Question[answer.Activation]:
    """`POST /v1/decisions/{decision_id}/activate`."""
    call = call_of("POST", f"/v1/decisions/{_part(decision_id)}/activate")
    return Question(call, reading(answer.Activation))


def logged_decision(decision_id: str) -> Question[answer.LoggedDecision]:
    """`GET /v1/decisions/{decision_id}`."""
    return Question(call_of("GET", f"/v1/decisions/{_part(decision_id)}"), reading(answer.LoggedDecision))


def score(customer_id: str) -> Question[answer.ScoredCustomer]:
    """`POST /v1/score`."""
    call = call_of("POST", "/v1/score", {"customer_id": customer_id})
    return Question(call, reading(answer.ScoredCustomer))


def complements(request: ComplementsRequest) -> Question[Complements]:
    """`POST /v1/complements`."""
    return Question(call_of("POST", "/v1/complements", as_json(request)), reading(Complements))


def redeem(request: RedeemRequest) -> Question[answer.CouponState]:
    """`POST /v1/coupons/redeem`."""
    return Question(call_of("POST", "/v1/coupons/redeem", as_json(request)), reading(answer.CouponState))


def coupon(code: str) -> Question[answer.CouponState]:
    """`GET /v1/coupons/{code}`."""
    return Question(call_of("GET", f"/v1/coupons/{_part(code)}"), reading(answer.CouponState))


def coupon_keys() -> Question[answer.CouponKeys]:
    """`GET /v1/coupons/keys`."""
    return Question(call_of("GET", "/v1/coupons/keys"), reading(answer.CouponKeys))


def customer(customer_id: str, limit: int, before: str | None) -> Question[Customer]:
    """`GET /v1/customers/{customer_id}`."""
    page = {"limit": limit} | ({} if before is None else {"before": before})
    return Question(
        call_of("GET", f"/v1/customers/{_part(customer_id)}?{urlencode(page)}"), reading(Customer)
    )


def allowance(customer_id: str) -> Question[standing.Allowance]:
    """`GET /v1/customers/{customer_id}/allowance`."""
    call = call_of("GET", f"/v1/customers/{_part(customer_id)}/allowance")
    return Question(call, reading(standing.Allowance))


def budgets() -> Question[standing.Budgets]:
    """`GET /v1/budgets`."""
    return Question(call_of("GET", "/v1/budgets"), reading(standing.Budgets))


def groups(since: datetime | None) -> Question[standing.Groups]:
    """`GET /v1/groups`."""
    query = "" if since is None else "?" + urlencode({"since": in_zone(since)})
    return Question(call_of("GET", f"/v1/groups{query}"), reading(standing.Groups))


def segments() -> Question[Segments]:
    """`GET /v1/segments`."""
    return Question(call_of("GET", "/v1/segments"), reading(Segments))


def wheel_link(request: WheelLinkRequest) -> Question[WheelLink]:
    """`POST /v1/wheel/links`."""
    return Question(call_of("POST", "/v1/wheel/links", as_json(request)), reading(WheelLink))


def _part(text: str) -> str:
    """The text as one part of a path."""
    return quote(text, safe="")
