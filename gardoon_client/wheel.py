"""What is asked and answered about the wheel that a shop shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class WheelLinkRequest:
    """Whose wheel it is and for how many minutes the link opens it; the fields are those of `POST /v1/wheel/links`."""

    customer_id: str
    journey: str = "lucky_wheel"
    minutes: int = 15


@dataclass(frozen=True, kw_only=True)
class WheelLink:
    """A link that opens the wheel; `path` goes behind the service's public address."""

    path: str
    expires_at: datetime
