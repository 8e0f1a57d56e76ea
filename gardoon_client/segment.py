"""What is answered about segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A declared segment; `online`: whether one customer's features tell who belongs, as an audience needs."""

    name: str
    description: str
    online: bool
    features: tuple[str, ...]
    journeys: tuple[str, ...]
    where: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Segments:
    """The declared segments, by name."""

    segments: tuple[Segment, ...]
