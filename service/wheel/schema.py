"""What `POST /v1/wheel/links` takes and answers."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from service.schemas import Identifier, Name, Request


class WheelLinkRequest(Request):
    """Whose wheel it is, and how long the link to it opens."""

    model_config = ConfigDict(json_schema_extra={"example": {"customer_id": "1001", "minutes": 15}})

    customer_id: Identifier
    journey: Name = Field("lucky_wheel", description="one whose coupon is drawn once per period")
    minutes: int = Field(15, ge=1, le=1440, description="how long the link opens the wheel")


class WheelLink(BaseModel):
    """A link that opens one customer's wheel, and names nobody."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "path": "/wheel?link=gAAAAABqAbM5jN0yNw...",
                "expires_at": "2026-11-22T09:45:00Z",
            }
        }
    )

    path: str = Field(
        description="to be put behind the service's public address; `&lang=fa` chooses the language"
    )
    expires_at: datetime
