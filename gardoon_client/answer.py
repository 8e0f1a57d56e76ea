"""What decisions, outcomes and coupons are answered with; fields that a newer service adds are left out, `raw` has all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]
Measure = bool | float | datetime | tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why actions were not available, or why nothing was done; `unit` says what `limit` and `current` are."""

    rule: str
    detail: str
    decision: str | None = None
    actions: tuple[str, ...] = ()
    unit: str | None = None
    limit: Measure | None = None
    current: Measure | None = None
    frees_at: datetime | None = None
    features: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """The code to show or send, and the same signed; neither in a dry run."""

    code: str | None
    token: str | None
    amount: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What the scorers say of the customer."""

    purchase_propensity: float
    churn_risk: float
    expected_value: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class ScoredCustomer:
    """A customer's scores now, by which models, and what defaults stood in for."""

    customer_id: str
    scores: Scores
    versions: Mapping[str, str]
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WithoutRule:
    """A rule that bound the choice: without it, another action would have been chosen."""

    rule: str
    choice: str | None


@dataclass(frozen=True, kw_only=True)
class Flip:
    """The smallest move found of a single input that changes the choice."""

    input: str
    value: float | None
    moved_to: float
    standard_deviations: float
    choice: str


@dataclass(frozen=True, kw_only=True)
class Counterfactual:
    """Of one of the decisions, what would have been chosen otherwise."""

    chosen: str | None
    bound_by: tuple[WithoutRule, ...]
    nearest: Flip | None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do; `status` is act, hold, suppressed, holdout or fallback."""

    decision_id: str
    decided_at: datetime
    customer_id: str
    journey: str
    status: str
    group: str
    channel: str | None = None
    send_at: datetime | None = None
    coupon: Coupon | None = None
    message: str | None = None
    repeats: str | None = None
    activate_by: datetime | None = None
    propensity: Mapping[str, float]
    scores: Scores
    probabilities: Mapping[str, Mapping[str, float]] | None = None
    customer_class: Mapping[str, float] | None = None
    counterfactuals: Mapping[str, Counterfactual] | None = None
    reasons: tuple[Reason, ...] = ()
    versions: Mapping[str, str]
    degraded: tuple[str, ...] = ()
    raw: Json

    @property
    def acts(self) -> bool:
        """Whether something is to be shown or sent."""
        return self.status in ("act", "fallback")


@dataclass(frozen=True, kw_only=True)
class Activation:
    """Since when a decision is in effect."""

    decision_id: str
    activated_at: datetime


@dataclass(frozen=True, kw_only=True)
class LoggedOutcome:
    """What came back of a decision."""

    kind: str
    value: float
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True)
class LoggedDecision:
    """A decision as logged: what was answered, what it was drawn from, what came back.

    answer, rounds: as they are in the log, since a customer who was forgotten leaves gaps in them.
    """

    decision_id: str
    answer: Json
    rounds: tuple[Json, ...]
    outcomes: tuple[LoggedOutcome, ...]


@dataclass(frozen=True, kw_only=True)
class OutcomeResult:
    """What became of one fact: 202 accepted, 200 known already, otherwise refused with the status that says why."""

    event_id: str | None
    status: int
    detail: str

    @property
    def accepted(self) -> bool:
        """Whether the service has it, from this call or an earlier one."""
        return self.status in (200, 202)


@dataclass(frozen=True, kw_only=True)
class OutcomesAnswer:
    """What became of each fact of a batch, in the order sent."""

    accepted: int
    results: tuple[OutcomeResult, ...]


@dataclass(frozen=True, kw_only=True)
class CouponState:
    """How a coupon stands: deferred, out (it can be redeemed), redeemed, expired or released.

    discount: what was taken off the order that used it.
    """

    code: str
    state: str
    amount: int
    currency: str
    expires_at: datetime
    decision_id: str
    order_id: str | None = None
    redeemed_at: datetime | None = None
    discount: int | None = None


@dataclass(frozen=True, kw_only=True)
class CouponKey:
    """A public key that coupons' tokens are signed with (RFC 8037); `raw`: what a library for tokens wants."""

    kty: str
    crv: str
    alg: str
    use: str
    kid: str
    x: str
    raw: Json


@dataclass(frozen=True, kw_only=True)
class CouponKeys:
    """The keys of now; `raw`: the same as a JSON Web Key Set (RFC 7517)."""

    keys: tuple[CouponKey, ...]
    raw: Json
