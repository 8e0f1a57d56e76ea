"""Batches of messages, and what became of them, as they go over the wire."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class EventBatch(BaseModel):
    """Several messages, each with its `type`, as clients of Segment and RudderStack send them."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "batch": [
                    {"type": "identify", "userId": "1001", "traits": {"city": "Shiraz"}, "messageId": "m1"},
                    {"type": "track", "userId": "1001", "event": "Newsletter Read", "messageId": "m2"},
                ],
                "sentAt": "2026-11-22T09:30:01Z",
            }
        }
    )

    batch: list[Any] = Field(min_length=1, max_length=2_500)
    sentAt: Any = Field(None, description="when it was sent, for messages that do not say it themselves")  # noqa: N815


class KeptAside(BaseModel):
    """A message that was kept aside: nothing is made of it until what is wrong is mended."""

    index: int = Field(description="its place in the batch")
    message_id: str
    field: str
    fault: str


class EventsAnswer(BaseModel):
    """What became of the messages; all of them are on disk."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "taken": 1,
                "known": 0,
                "kept_aside": [
                    {
                        "index": 1,
                        "message_id": "m2",
                        "field": "userId",
                        "fault": "found neither userId nor anonymousId",
                    }
                ],
            }
        }
    )

    success: Literal[True] = True
    taken: int = Field(description="new events")
    known: int = Field(description="repeats, by messageId, which changed nothing")
    kept_aside: tuple[KeptAside, ...] = ()
