"""What is answered about one customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gardoon_client.standing import Allowance


@dataclass(frozen=True, kw_only=True)
class Trait:
    """What is known of a customer under a name, and when it was so."""

    name: str
    value: Any
    told_at: datetime


@dataclass(frozen=True, kw_only=True)
class TimelineEvent:
    """Something that was told of a customer; `content`: properties or traits, and context."""

    message_id: str
    type: str
    name: str | None
    occurred_at: datetime
    received_at: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class FeatureView:
    """A view of features as stored; `problem`: missing, stale or incomplete where decisions see defaults instead."""

    name: str
    event_at: datetime | None
    age_seconds: float | None
    problem: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SegmentMembership:
    """Whether a customer belongs to a segment; None where one customer's features do not tell."""

    name: str
    belongs: bool | None


@dataclass(frozen=True, kw_only=True)
class Customer:
    """What is known of a customer; the timeline newest first, `next_before` asks for its next page."""

    customer_id: str
    at: datetime
    traits: tuple[Trait, ...]
    anonymous_ids: tuple[str, ...]
    timeline: tuple[TimelineEvent, ...]
    next_before: str | None
    features: tuple[FeatureView, ...]
    degraded: tuple[str, ...]
    segments: tuple[SegmentMembership, ...]
    allowance: Allowance
