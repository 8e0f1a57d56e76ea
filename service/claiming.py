"""What a decision claims of the customer's standing, from how it came out."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from service.course import Course, Rules
from service.schemas import LATEST, Answer, Coupon, Status
from service.standing import ActivationClaim, Claims, CountedMessage, DrawClaim, MessageClaim, SpendClaim

GOING_OUT: Final[frozenset[Status]] = frozenset({"act", "fallback"})


def claims_of(course: Course, answer: Answer, rules: Rules) -> Claims | None:
    """The claims of a decision; None where it takes nothing: held out, suppressed, a dry run, a draw that is in effect."""
    if course.facts.request.dry_run or course.suppressed:
        return None
    claims = Claims(
        customer_id=course.facts.request.customer_id,
        journey=course.point.journey,
        standing_version=course.facts.standing.version,
        message=_message(course, answer),
        draw=_draw(course, answer),
        spend=_spend(course, answer, rules),
        activation=_activation(course),
    )
    return claims if claims.message or claims.draw or claims.spend or claims.activation else None


def activate_by(course: Course, coupon: Coupon | None) -> datetime | None:
    """Until when a deferred decision, or the one whose draw it shows again, has to be activated; None where none waits."""
    request, draw = course.facts.request, course.repeats
    if request.dry_run or course.suppressed or course.group == "holdout":
        return None
    if draw is not None:
        return draw.activate_by if request.activate == "deferred" else None
    ends = [coupon.expires_at] if coupon else []
    if course.period is not None and course.coupon_amount is not None:
        ends.append(course.period.ends_at)
    return _activate_by(course, min(ends, default=LATEST))


def _message(course: Course, answer: Answer) -> MessageClaim | None:
    """A place under the caps for a message that goes out, unless nothing counts it."""
    if (answer.channel is None and answer.message is None) or course.point.transactional:
        return None
    due_at = answer.send_at or answer.decided_at
    message = CountedMessage(
        due_at=due_at, channel=answer.channel, journey=course.point.journey, tags=course.point.tags
    )
    lapses_at = due_at + course.point.confirmation_wait
    return MessageClaim(message=message, lapses_at=_activate_by(course, lapses_at) or lapses_at)


def _activation(course: Course) -> ActivationClaim | None:
    """A draw that waits takes effect with the first answer that shows it for good, unless its coupon died meanwhile."""
    facts, draw = course.facts, course.repeats
    if draw is None or draw.activate_by is None or facts.request.activate == "deferred":
        return None
    if draw.coupon is not None and draw.coupon.expires_at <= facts.decided_at:
        return None
    return ActivationClaim(
        decision_id=draw.decision_id,
        activated_at=facts.decided_at,
        confirm_within_hours=course.point.confirm_within_hours,
        coupon=draw.coupon is not None,
        draw=True,
    )


def _draw(course: Course, answer: Answer) -> DrawClaim | None:
    if course.period is None or course.coupon_amount is None:
        return None
    period = course.period
    lapses_at = _activate_by(course, period.ends_at)
    return DrawClaim(period=period.name, ends_at=period.ends_at, coupon=answer.coupon, lapses_at=lapses_at)


def _spend(course: Course, answer: Answer, rules: Rules) -> SpendClaim | None:
    if course.repeats is not None or course.point.coupon is None:
        return None
    if answer.coupon is None or answer.coupon.code is None:
        return None
    day = answer.decided_at.astimezone(ZoneInfo(rules.time_zone)).date()
    return SpendClaim(
        code=answer.coupon.code,
        currency=answer.coupon.currency,
        day=day,
        amount=answer.coupon.amount,
        limit=course.point.coupon.daily_budget,
        expires_at=answer.coupon.expires_at,
        activate_by=_activate_by(course, answer.coupon.expires_at),
    )


def _activate_by(course: Course, end: datetime) -> datetime | None:
    """Until when a deferred decision's claim waits to be activated, its own end at the latest; None for any other's."""
    if course.facts.request.activate == "now":
        return None
    return min(end, course.facts.decided_at + course.point.activation_wait)
