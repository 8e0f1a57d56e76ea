"""What a decision claims of the customer's standing, from how it came out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from service.course import Course, Rules
from service.schemas import Answer, Status
from service.standing import Claims, CountedMessage, DrawClaim, MessageClaim, SpendClaim

GOING_OUT: Final[frozenset[Status]] = frozenset({"act", "fallback"})


def claims_of(course: Course, answer: Answer, rules: Rules) -> Claims | None:
    """The claims of a decision; None where it takes nothing: held out, suppressed, a repeated draw, a dry run."""
    if course.facts.request.dry_run or course.suppressed or course.repeats is not None:
        return None
    claims = Claims(
        customer_id=course.facts.request.customer_id,
        journey=course.point.journey,
        standing_version=course.facts.standing.version,
        message=_message(course, answer),
        draw=_draw(course, answer),
        spend=_spend(course, answer, rules),
    )
    return claims if claims.message or claims.draw or claims.spend else None


def _message(course: Course, answer: Answer) -> MessageClaim | None:
    """A place under the caps for a message that goes out, unless nothing counts it."""
    if (answer.channel is None and answer.message is None) or course.point.transactional:
        return None
    due_at = answer.send_at or answer.decided_at
    message = CountedMessage(
        due_at=due_at, channel=answer.channel, journey=course.point.journey, tags=course.point.tags
    )
    lapses_at = due_at + timedelta(hours=course.point.confirm_within_hours)
    return MessageClaim(message=message, lapses_at=_if_activated(course, lapses_at))


def _draw(course: Course, answer: Answer) -> DrawClaim | None:
    if course.period is None or course.coupon_amount is None:
        return None
    deferred = course.facts.request.activate == "deferred"
    lapses_at = _if_activated(course, course.period.ends_at) if deferred else None
    return DrawClaim(
        period=course.period.name, ends_at=course.period.ends_at, coupon=answer.coupon, lapses_at=lapses_at
    )


def _spend(course: Course, answer: Answer, rules: Rules) -> SpendClaim | None:
    if answer.coupon is None or answer.coupon.code is None or course.point.coupon is None:
        return None
    deferred = course.facts.request.activate == "deferred"
    day = answer.decided_at.astimezone(ZoneInfo(rules.time_zone)).date()
    return SpendClaim(
        code=answer.coupon.code,
        currency=answer.coupon.currency,
        day=day,
        amount=answer.coupon.amount,
        limit=course.point.coupon.daily_budget,
        expires_at=answer.coupon.expires_at,
        activate_by=_if_activated(course, answer.coupon.expires_at) if deferred else None,
    )


def _if_activated(course: Course, until: datetime) -> datetime:
    """Until when a claim holds; a deferred decision's only as long as it may be activated."""
    if course.facts.request.activate == "now":
        return until
    wait = timedelta(minutes=course.point.activate_within_minutes)
    return min(until, course.facts.decided_at + wait)
