"""What `GET /v1/customers/{id}` answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.allowance_schema import AllowanceAnswer


class TraitNow(BaseModel):
    """What is known of a customer under a name."""

    name: str
    value: Any
    told_at: datetime = Field(description="when it was so")


class TimelineEvent(BaseModel):
    """Something that was told of a customer."""

    message_id: str
    type: str
    name: str | None
    occurred_at: datetime
    received_at: datetime
    content: dict[str, Any] = Field(description="properties or traits, and context, as they were told")


class ViewNow(BaseModel):
    """A view of features as it is stored, and how old it is."""

    name: str
    event_at: datetime | None = Field(description="the time that it speaks of; null: nothing is stored")
    age_seconds: float | None
    problem: str | None = Field(
        description="missing, stale or incomplete: why decisions see defaults; null: they see these values"
    )
    values: dict[str, Any]


class SegmentNow(BaseModel):
    """Whether a customer belongs to a declared segment, by what decisions see of them."""

    name: str
    belongs: bool | None = Field(
        description="null: it asks for a place among all, which one alone does not tell"
    )


class CustomerAnswer(BaseModel):
    """Everything that Gardoon knows of a customer now."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_id": "1001",
                "at": "2026-11-22T09:30:00Z",
                "traits": [{"name": "city", "value": "Shiraz", "told_at": "2026-11-20T10:00:00Z"}],
                "anonymous_ids": ["507f191e810c19729de860ea"],
                "timeline": [
                    {
                        "message_id": "view-1001-7",
                        "type": "track",
                        "name": "product_viewed",
                        "occurred_at": "2026-11-22T09:12:00Z",
                        "received_at": "2026-11-22T09:12:01Z",
                        "content": {"properties": {"product_id": "p-17"}},
                    }
                ],
                "next_before": "1795338720000000~view-1001-7",
                "features": [
                    {
                        "name": "rfm",
                        "event_at": "2026-11-22T00:00:00Z",
                        "age_seconds": 34200,
                        "problem": None,
                        "values": {"recency_days": 3.0},
                    }
                ],
                "degraded": ["funnel:missing"],
                "segments": [{"name": "high_intent", "belongs": True}],
                "allowance": AllowanceAnswer.model_json_schema()["example"],
            }
        }
    )

    customer_id: str
    at: datetime
    traits: tuple[TraitNow, ...] = Field(description="by name; those that were taken back are left out")
    anonymous_ids: tuple[str, ...] = Field(description="what they were known by before")
    timeline: tuple[TimelineEvent, ...] = Field(description="newest first")
    next_before: str | None = Field(description="`before` of the next page; null: there is none")
    features: tuple[ViewNow, ...]
    degraded: tuple[str, ...] = Field(description="views that defaults stand in for in decisions")
    segments: tuple[SegmentNow, ...]
    allowance: AllowanceAnswer
