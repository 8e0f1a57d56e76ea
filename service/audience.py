"""Whether a journey is meant for the customer at all."""

from __future__ import annotations

from features.membership import belongs, features_of
from service.course import Course
from service.guardrails.reason import Found, give_reason
from service.schemas import Reason


def outside_audience(course: Course) -> Reason | None:
    """Why nothing is done for a customer who does not belong to the journey's audience, whatever the group."""
    audience = course.point.audience
    if audience is None or belongs(audience, {**course.features, **course.facts.features.strings}):
        return None
    detail = f"the journey is for the segment {audience.name}"
    return give_reason("audience", detail, Found(True, False, features=features_of(audience)))
