"""Frequency caps: whether one more message at a moment would be one too many in any period around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from service.decision_point import Cap, DecisionPoint
from service.guardrails.mask import Found, Mask
from service.guardrails.period import period_of
from service.standing import CountedMessage


@dataclass(frozen=True)
class Blocked:
    """The cap that a message would break: how many it allows and counts, and when a place is free again."""

    rule: str
    detail: str
    found: Found


BlockingCap = Callable[[str | None, datetime], Blocked | None]
"""Whether a message on a channel at a moment would break a cap."""


def blocking_cap(
    point: DecisionPoint,
    channel: str | None,
    due_at: datetime,
    sent: Sequence[CountedMessage],
    zone: ZoneInfo,
) -> Blocked | None:
    """Of the caps that a message of this journey at this moment would break, the one that frees up last; None if none."""
    if point.transactional:
        return None
    found = list(_broken(point, channel, due_at, sent, zone))
    return max(found, key=_frees_at, default=None)


def horizon(point: DecisionPoint) -> timedelta:
    """How far before and after a moment messages can matter to this journey's caps."""
    spans = [_span(cap) for cap in (*point.caps, *point.shop.caps)]
    gaps = [timedelta(hours=hours) for hours in (point.minimum_gap_hours, point.shop.minimum_gap_hours)]
    return timedelta(0) if point.transactional else max([timedelta(0), *spans, *gaps])


def _broken(
    point: DecisionPoint,
    channel: str | None,
    due_at: datetime,
    sent: Sequence[CountedMessage],
    zone: ZoneInfo,
) -> Iterator[Blocked]:
    own = [message for message in sent if message.journey == point.journey]
    for caps, counted, gap_hours in (
        (point.caps, own, point.minimum_gap_hours),
        (point.shop.caps, sent, point.shop.minimum_gap_hours),
    ):
        for cap in caps:
            if (cap.channel or channel) == channel and (cap.tag is None or cap.tag in point.tags):
                yield from _over(cap, due_at, _counted(cap, counted), zone)
        yield from _too_near(gap_hours, due_at, counted)


def _counted(cap: Cap, messages: Iterable[CountedMessage]) -> list[datetime]:
    """When the messages are due that the cap counts, ascending."""
    return sorted(
        message.due_at
        for message in messages
        if (cap.channel or message.channel) == message.channel
        and (cap.tag is None or cap.tag in message.tags)
    )


def _over(cap: Cap, due_at: datetime, times: Sequence[datetime], zone: ZoneInfo) -> Iterator[Blocked]:
    """The cap if it is full: in the calendar period of the moment, or in the fullest rolling window that holds it."""
    if isinstance(cap.within, str):
        mine = period_of(cap.within, due_at, zone)
        inside = [at for at in times if period_of(cap.within, at, zone).name == mine.name]
        if len(inside) >= cap.at_most:
            yield _blocked(cap, len(inside), f"this {cap.within}", mine.ends_at if cap.at_most else None)
        return
    window = timedelta(hours=cap.within)
    near = [at for at in times if abs(at - due_at) < window]
    fullest: list[datetime] = []
    for start in [*(at for at in near if at <= due_at), due_at]:  # a fullest window starts at a message
        inside = [at for at in near if start <= at < start + window]
        if len(inside) > len(fullest):
            fullest = inside
    if len(fullest) >= cap.at_most:
        frees_at = fullest[len(fullest) - cap.at_most] + window if cap.at_most else None
        yield _blocked(cap, len(fullest), f"any {cap.within:g} hours", frees_at)


def _blocked(cap: Cap, current: int, within: str, frees_at: datetime | None) -> Blocked:
    what = " ".join(filter(None, [cap.tag, cap.channel, "messages"]))
    detail = f"at most {cap.at_most} {what} in {within}; {current} sent or scheduled"
    return Blocked(f"cap:{cap.name}", detail, Found(cap.at_most, current, frees_at))


def _too_near(gap_hours: float, due_at: datetime, messages: Sequence[CountedMessage]) -> Iterator[Blocked]:
    gap = timedelta(hours=gap_hours)
    near = [message.due_at for message in messages if abs(message.due_at - due_at) < gap]
    if near:
        nearest = min(abs(at - due_at) for at in near) / timedelta(hours=1)
        detail = f"at least {gap_hours:g} hours between messages; one is {nearest:.1f} hours away"
        yield Blocked("minimum_gap", detail, Found(gap_hours, round(nearest, 3), max(near) + gap))


def _span(cap: Cap) -> timedelta:
    longest = {"day": timedelta(days=2), "week": timedelta(days=8), "month": timedelta(days=32)}
    return longest[cap.within] if isinstance(cap.within, str) else timedelta(hours=cap.within)


def mask_caps(
    mask: Mask, attempts: Mapping[str, Sequence[tuple[str | None, datetime]]], blocked: BlockingCap
) -> None:
    """Leave the actions of which at least one attempt, a channel and a moment, breaks no cap.

    One reason a cap, with the actions that it takes and the earliest moment at which one is free again.
    """
    by_rule: dict[str, list[tuple[str, Blocked]]] = defaultdict(list)
    for action in mask.open_actions:
        found = [blocked(channel, due_at) for channel, due_at in attempts[action]]
        if found and all(found):
            soonest = min((each for each in found if each), key=_frees_at)
            by_rule[soonest.rule].append((action, soonest))
    for rule, taken in by_rule.items():
        soonest = min((each for _, each in taken), key=_frees_at)
        mask.remove(rule, [action for action, _ in taken], soonest.detail, soonest.found)


def _frees_at(blocked: Blocked) -> datetime:
    return blocked.found.frees_at or datetime.max.replace(tzinfo=UTC)
