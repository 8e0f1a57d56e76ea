"""What `GET /v1/customers/{id}/allowance` and `GET /v1/budgets` answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import Group


class MessagePlace(BaseModel):
    """A message that takes a place under the caps."""

    journey: str
    channel: str | None
    tags: tuple[str, ...]
    due_at: datetime
    state: Literal["sent", "scheduled"]


class ChannelAllowance(BaseModel):
    """Whether consent, reach and the operator's blacklist leave a channel open, and which of them closed it."""

    open: bool
    closed_by: str | None


class CapAllowance(BaseModel):
    """A cap as it stands now: the fullest span around this moment, or the calendar period that it lies in."""

    rule: str
    channel: str | None
    tag: str | None
    within: Literal["day", "week", "month"] | float = Field(description="a calendar period, or hours")
    at_most: int
    used: int = Field(description="sent and scheduled")
    left: int
    frees_at: datetime | None = Field(
        description="when the next place is free; null while there is one, or never"
    )


class DrawAllowance(BaseModel):
    """The one draw of the customer's period."""

    period: str
    left: int
    decision_id: str | None = Field(description="the decision that took it")
    frees_at: datetime | None


class BudgetNow(BaseModel):
    """A journey's coupon budget of the shop's day."""

    journey: str
    day: str
    limit: int = Field(description="face value that may be out or used, in the shop's currency")
    used: int
    left: int
    price: float = Field(description="λ: a coupon's cost counts 1 + λ times when sizes are weighed")
    elapsed_share: float = Field(description="how much of the day is over")
    ends_at: datetime


class JourneyAllowance(BaseModel):
    """What one journey may still do for the customer."""

    journey: str
    group: Group
    transactional: bool = Field(description="no cap holds its messages back")
    minimum_gap_hours: float
    caps: tuple[CapAllowance, ...]
    free_from: dict[str, datetime | None] = Field(
        description="per channel, the first moment from now on at which a message breaks no cap and no gap; null: never"
    )
    draw: DrawAllowance | None
    budget: BudgetNow | None


class AllowanceAnswer(BaseModel):
    """What a customer may still get of every journey."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_id": "1001",
                "at": "2026-11-22T09:30:00Z",
                "time_zone": "Asia/Tehran",
                "messages": [
                    {
                        "journey": "cart_abandonment",
                        "channel": "sms",
                        "tags": ["promotion"],
                        "due_at": "2026-11-22T08:00:00Z",
                        "state": "sent",
                    }
                ],
                "channels": {
                    "email": {"open": True, "closed_by": None},
                    "sms": {"open": True, "closed_by": None},
                    "app_push": {"open": False, "closed_by": "consent"},
                    "web_push": {"open": False, "closed_by": "reachability"},
                },
                "minimum_gap_hours": 2,
                "caps": [
                    {
                        "rule": "cap:one_sms_a_day",
                        "channel": "sms",
                        "tag": None,
                        "within": 24,
                        "at_most": 1,
                        "used": 1,
                        "left": 0,
                        "frees_at": "2026-11-23T08:00:00Z",
                    }
                ],
                "journeys": [
                    {
                        "journey": "lucky_wheel",
                        "group": "decisioning",
                        "transactional": False,
                        "minimum_gap_hours": 0,
                        "caps": [],
                        "free_from": {"email": "2026-11-22T10:00:00Z", "sms": "2026-11-23T08:00:00Z"},
                        "draw": {"period": "2026-11-22", "left": 1, "decision_id": None, "frees_at": None},
                        "budget": None,
                    }
                ],
                "degraded": [],
            }
        }
    )

    customer_id: str
    at: datetime
    time_zone: str
    messages: tuple[MessagePlace, ...]
    channels: dict[str, ChannelAllowance] | None = Field(
        description="null where the customer's profile is not known or cannot be read"
    )
    minimum_gap_hours: float = Field(description="between any two messages")
    caps: tuple[CapAllowance, ...] = Field(description="those across journeys")
    journeys: tuple[JourneyAllowance, ...]
    degraded: tuple[str, ...]


class GroupsNow(BaseModel):
    """One journey's customers by group, against the shares that its rules and the shop's make."""

    journey: str
    customers: dict[str, int] = Field(description="distinct customers that were decided about")
    shares: dict[str, float]
    p_value: float | None = Field(
        description="chance of counts as far off or farther if the shares hold; null where too few customers came to say"
    )
    mismatch: bool = Field(
        description="p below 0.001: one group loses customers somewhere, trust no comparison"
    )


class GroupsAnswer(BaseModel):
    """Sample ratios of all journeys that decided since then."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "since": "2026-11-15T09:30:00Z",
                "groups": [
                    {
                        "journey": "lucky_wheel",
                        "customers": {"decisioning": 9052, "random": 488, "holdout": 671},
                        "shares": {
                            "holdout": 0.069,
                            "random": 0.049,
                            "business_as_usual": 0.0,
                            "decisioning": 0.882,
                        },
                        "p_value": 0.31,
                        "mismatch": False,
                    }
                ],
            }
        }
    )

    since: datetime
    groups: tuple[GroupsNow, ...]


class BudgetsAnswer(BaseModel):
    """Today's budgets of all journeys that have one."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "currency": "IRT",
                "budgets": [
                    {
                        "journey": "lucky_wheel",
                        "day": "2026-11-22",
                        "limit": 20000000,
                        "used": 12500000,
                        "left": 7500000,
                        "price": 4.3,
                        "elapsed_share": 0.545,
                        "ends_at": "2026-11-22T20:30:00Z",
                    }
                ],
            }
        }
    )

    currency: str
    budgets: tuple[BudgetNow, ...]
