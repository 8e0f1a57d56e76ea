"""What `GET /v1/segments` answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class DeclaredSegment(BaseModel):
    """A segment as it is asked for."""

    name: str
    description: str
    online: bool = Field(
        description="whether one customer's features tell; false: it ranks the whole base and can be no audience"
    )
    features: tuple[str, ...] = Field(description="what it asks of a customer")
    journeys: tuple[str, ...] = Field(description="whose audience it is")
    where: dict[str, Any] = Field(
        description="the condition, other segments and RFM scores replaced by what they stand for"
    )


class SegmentsAnswer(BaseModel):
    """The declared segments, by name."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "segments": [
                    {
                        "name": "regulars",
                        "description": "Ordered in at least six of the last twelve weeks.",
                        "online": True,
                        "features": ["weeks_with_order_84d"],
                        "journeys": ["churn_prevention"],
                        "where": {"at_least": 6.0, "feature": "weeks_with_order_84d"},
                    }
                ]
            }
        }
    )

    segments: tuple[DeclaredSegment, ...]
