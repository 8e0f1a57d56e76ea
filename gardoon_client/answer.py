"""What is answered, as values; fields that a newer service adds are left out of them, `raw` has all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why actions were not available, or why nothing was done."""

    rule: str
    detail: str
    decision: str | None
    actions: tuple[str, ...]
    limit: float | None
    current: float | None
    frees_at: datetime | None

    @classmethod
    def of(cls, found: Json) -> Reason:
        """The reason in an answer."""
        return cls(
            rule=found["rule"],
            detail=found["detail"],
            decision=found.get("decision"),
            actions=tuple(found.get("actions", ())),
            limit=found.get("limit"),
            current=found.get("current"),
            frees_at=_moment(found.get("frees_at")),
        )


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """The code to show or send, and the same signed; neither in a dry run."""

    code: str | None
    token: str | None
    amount: int
    currency: str
    expires_at: datetime

    @classmethod
    def of(cls, found: Json) -> Coupon:
        """The coupon in an answer."""
        return cls(
            code=found["code"],
            token=found.get("token"),
            amount=found["amount"],
            currency=found["currency"],
            expires_at=datetime.fromisoformat(found["expires_at"]),
        )


@dataclass(frozen=True, kw_only=True)
class Redemption:
    """A coupon that an order has used; `discount`: what it took off."""

    code: str
    amount: int
    currency: str
    discount: int
    order_id: str
    decision_id: str
    redeemed_at: datetime

    @classmethod
    def of(cls, found: Json) -> Redemption:
        """The answer to a redemption."""
        names = ("code", "amount", "currency", "discount", "order_id", "decision_id")
        return cls(
            **{name: found[name] for name in names}, redeemed_at=datetime.fromisoformat(found["redeemed_at"])
        )


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What the scorers say of the customer."""

    purchase_propensity: float
    churn_risk: float
    expected_value: int
    currency: str

    @classmethod
    def of(cls, found: Json) -> Scores:
        """The scores in an answer."""
        return cls(
            purchase_propensity=found["purchase_propensity"],
            churn_risk=found["churn_risk"],
            expected_value=found["expected_value"],
            currency=found["currency"],
        )


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do; `status` is act, hold, suppressed, holdout or fallback."""

    decision_id: str
    decided_at: datetime
    customer_id: str
    journey: str
    status: str
    group: str
    channel: str | None
    send_at: datetime | None
    coupon: Coupon | None
    message: str | None
    propensity: Mapping[str, float]
    scores: Scores
    reasons: tuple[Reason, ...]
    versions: Mapping[str, str]
    degraded: tuple[str, ...]
    raw: Json

    @property
    def acts(self) -> bool:
        """Whether something is to be shown or sent."""
        return self.status in ("act", "fallback")

    @classmethod
    def of(cls, found: Json) -> Decision:
        """The decision in an answer."""
        return cls(
            decision_id=found["decision_id"],
            decided_at=datetime.fromisoformat(found["decided_at"]),
            customer_id=found["customer_id"],
            journey=found["journey"],
            status=found["status"],
            group=found["group"],
            channel=found.get("channel"),
            send_at=_moment(found.get("send_at")),
            coupon=Coupon.of(found["coupon"]) if found.get("coupon") else None,
            message=found.get("message"),
            propensity=found["propensity"],
            scores=Scores.of(found["scores"]),
            reasons=tuple(map(Reason.of, found.get("reasons", ()))),
            versions=found["versions"],
            degraded=tuple(found.get("degraded", ())),
            raw=found,
        )


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

    @classmethod
    def of(cls, found: Json) -> OutcomeResult:
        """The result in an answer."""
        return cls(event_id=found.get("event_id"), status=found["status"], detail=found["detail"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
