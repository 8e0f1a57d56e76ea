"""A typed client of Gardoon's HTTP API, sync and async; imports nothing of the service and needs only httpx.

    >>> from gardoon_client import Client, DecideRequest
    >>> client = Client("http://127.0.0.1:8000", api_key="gdn_...")
    >>> request = DecideRequest(customer_id="1453", journey="churn_prevention")

`client.decide(request)` answers a `Decision`. Whatever is lost on the way is asked again under the same `Idempotency-Key`,
so a retry gets the decision that was logged, never a second one.
"""

from __future__ import annotations

from gardoon_client.answer import (
    Activation,
    Counterfactual,
    Coupon,
    CouponKey,
    CouponKeys,
    CouponState,
    Decision,
    Flip,
    LoggedDecision,
    LoggedOutcome,
    OutcomeResult,
    Reason,
    ScoredCustomer,
    Scores,
    WithoutRule,
)
from gardoon_client.async_client import AsyncClient
from gardoon_client.client import Client
from gardoon_client.complements import Complement, Complements, ComplementsRequest, ExcludedProduct
from gardoon_client.customer import Customer, FeatureView, SegmentMembership, TimelineEvent, Trait
from gardoon_client.problem import (
    AccessError,
    ConflictError,
    GardoonError,
    GoneError,
    NoAnswerError,
    NotFoundError,
    ProblemError,
    RequestError,
    TooManyRequestsError,
    UnavailableError,
    UnreadableAnswerError,
)
from gardoon_client.request import DecideRequest, Outcome, RedeemRequest, Trigger
from gardoon_client.retry import Retry
from gardoon_client.segment import Segment, Segments
from gardoon_client.standing import (
    Allowance,
    Budget,
    Budgets,
    CapAllowance,
    ChannelAllowance,
    DrawAllowance,
    Groups,
    GroupShares,
    JourneyAllowance,
    MessagePlace,
)
from gardoon_client.wheel import WheelLink, WheelLinkRequest

__all__ = [
    "AccessError",
    "Activation",
    "Allowance",
    "AsyncClient",
    "Budget",
    "Budgets",
    "CapAllowance",
    "ChannelAllowance",
    "Client",
    "Complement",
    "Complements",
    "ComplementsRequest",
    "ConflictError",
    "Counterfactual",
    "Coupon",
    "CouponKey",
    "CouponKeys",
    "CouponState",
    "Customer",
    "DecideRequest",
    "Decision",
    "DrawAllowance",
    "ExcludedProduct",
    "FeatureView",
    "Flip",
    "GardoonError",
    "GoneError",
    "GroupShares",
    "Groups",
    "JourneyAllowance",
    "LoggedDecision",
    "LoggedOutcome",
    "MessagePlace",
    "NoAnswerError",
    "NotFoundError",
    "Outcome",
    "OutcomeResult",
    "ProblemError",
    "Reason",
    "RedeemRequest",
    "RequestError",
    "Retry",
    "ScoredCustomer",
    "Scores",
    "Segment",
    "SegmentMembership",
    "Segments",
    "TimelineEvent",
    "TooManyRequestsError",
    "Trait",
    "Trigger",
    "UnavailableError",
    "UnreadableAnswerError",
    "WheelLink",
    "WheelLinkRequest",
    "WithoutRule",
]
