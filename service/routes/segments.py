"""What segments there are."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from features.membership import features_of, ranks_the_base
from features.segment import Segment
from service.routes.dependencies import Gardoon
from service.segment_schema import DeclaredSegment, SegmentsAnswer
from service.state import State

router = APIRouter()


@router.get("/v1/segments", tags=["standing"])
async def read_segments(gardoon: Gardoon) -> SegmentsAnswer:
    """The declared segments: what each asks, whether it can be told in a decision, and which journeys are for it."""
    return await asyncio.to_thread(_declared, gardoon)


def _declared(gardoon: State) -> SegmentsAnswer:
    named = sorted(gardoon.segments.items())
    return SegmentsAnswer(segments=tuple(_shown(gardoon, segment) for _, segment in named))


def _shown(gardoon: State, segment: Segment) -> DeclaredSegment:
    audiences = {journey: rules.point.audience for journey, rules in sorted(gardoon.rules.items())}
    return DeclaredSegment(
        name=segment.name,
        description=segment.description,
        online=not ranks_the_base(segment),
        features=features_of(segment),
        journeys=tuple(journey for journey, of in audiences.items() if of and of.name == segment.name),
        where=segment.where.model_dump(mode="json", exclude_none=True),
    )
