"""What a customer may still get: every cap with what it counts, when each channel is free, the draws and the budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from features.schema import CHANNELS
from service.allowance_schema import (
    AllowanceAnswer,
    BudgetNow,
    CapAllowance,
    ChannelAllowance,
    DrawAllowance,
    JourneyAllowance,
    MessagePlace,
)
from service.decision_point import DecisionPoint
from service.group import group_of
from service.guardrails.cap import BlockingCap, CountedCap, blocking_cap, counted_times
from service.guardrails.draw import drawn_until
from service.guardrails.mask import Mask
from service.guardrails.period import Calendar
from service.guardrails.reach import mask_channels
from service.point_limits import Cap
from service.standing import CountedMessage, Draw


@dataclass(frozen=True, kw_only=True)
class Known:
    """What an allowance is worked out from; `features` is None where the online store does not know the customer."""

    customer_id: str
    at: datetime
    zone: ZoneInfo
    calendar: Calendar
    features: Mapping[str, float] | None
    messages: tuple[CountedMessage, ...]
    draws: Mapping[str, Draw]
    budgets: Mapping[str, BudgetNow]
    degraded: tuple[str, ...]


def allowance_of(known: Known, points: Mapping[str, DecisionPoint]) -> AllowanceAnswer:
    """What the customer may still get of every journey, from `known.at` on."""
    shop = next(iter(points.values())).shop
    return AllowanceAnswer(
        customer_id=known.customer_id,
        at=known.at,
        time_zone=known.zone.key,
        messages=tuple(_place(message, known.at) for message in known.messages),
        channels=_reach(known.features),
        minimum_gap_hours=shop.minimum_gap_hours,
        caps=_caps(shop.caps, known.messages, known),
        journeys=tuple(_journey(points[name], known) for name in sorted(points)),
        degraded=known.degraded,
    )


def _place(message: CountedMessage, at: datetime) -> MessagePlace:
    return MessagePlace(
        journey=message.journey,
        channel=message.channel,
        tags=message.tags,
        due_at=message.due_at,
        state="scheduled" if message.due_at > at else "sent",
    )


def _reach(features: Mapping[str, float] | None) -> dict[str, ChannelAllowance] | None:
    if features is None:
        return None
    mask = Mask("channel", CHANNELS)
    mask_channels(mask, features)
    rules = {channel: [r.rule for r in mask.reasons if channel in r.actions] for channel in CHANNELS}
    return {
        channel: ChannelAllowance(open=not closed_by, closed_by=closed_by[0] if closed_by else None)
        for channel, closed_by in rules.items()
    }


def _caps(caps: Iterable[Cap], messages: Iterable[CountedMessage], known: Known) -> tuple[CapAllowance, ...]:
    counted = (CountedCap(cap, counted_times(messages, cap), known.zone, known.calendar) for cap in caps)
    return tuple(_cap(each, known.at) for each in counted)


def _cap(counted: CountedCap, at: datetime) -> CapAllowance:
    cap, used = counted.cap, counted.used(at)
    left = max(cap.at_most - used, 0)
    return CapAllowance(
        rule=counted.rule,
        channel=cap.channel,
        tag=cap.tag,
        within=cap.within,
        at_most=cap.at_most,
        used=used,
        left=left,
        frees_at=None if left else counted.frees_at(at),
    )


def _journey(point: DecisionPoint, known: Known) -> JourneyAllowance:
    blocked = blocking_cap(point, known.messages, known.zone)
    channels = point.channel.actions if point.channel else ()
    own = [message for message in known.messages if message.journey == point.journey]
    return JourneyAllowance(
        journey=point.journey,
        group=group_of(known.customer_id, point),
        transactional=point.transactional,
        minimum_gap_hours=point.minimum_gap_hours,
        caps=() if point.transactional else _caps(point.caps, own, known),
        free_from={channel: first_free(blocked, channel, known.at) for channel in channels},
        draw=_draw(point, known),
        budget=known.budgets.get(point.journey),
    )


def first_free(blocked: BlockingCap, channel: str | None, at: datetime) -> datetime | None:
    """The first moment from this one on at which a message breaks no cap; None where one never frees up."""
    found = blocked(channel, at)
    while found is not None:
        if found.found.frees_at is None:
            return None
        at = found.found.frees_at
        found = blocked(channel, at)
    return at


def _draw(point: DecisionPoint, known: Known) -> DrawAllowance | None:
    period = point.draw_period(known.at, known.zone)
    if period is None:
        return None
    drawn = known.draws.get(point.journey)
    return DrawAllowance(
        period=period.name,
        left=0 if drawn else 1,
        decision_id=drawn.decision_id if drawn else None,
        frees_at=drawn_until(drawn, point, known.at, known.zone) if drawn else None,
    )
