"""Frequency caps: whether one more message at a moment would be one too many in any period around it.

Both sides of the moment count: a message that is put off must not crowd those that are scheduled already.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import takewhile
from zoneinfo import ZoneInfo

from service.decision_point import DecisionPoint
from service.guardrails.mask import Mask
from service.guardrails.period import Calendar, Period, period_of
from service.guardrails.reason import Found
from service.guardrails.send_slot import HOURS_AHEAD
from service.point_limits import Cap
from service.standing import CountedMessage

MINIMUM_GAP = "minimum_gap"
HOUR = timedelta(hours=1)
_LONGEST = {"day": timedelta(days=2), "week": timedelta(days=8), "month": timedelta(days=32)}


@dataclass(frozen=True)
class Blocked:
    """The cap that a message would break: how many it allows and counts, and when a place is free again."""

    rule: str
    detail: str
    found: Found


BlockingCap = Callable[[str | None, datetime], Blocked | None]
"""Whether a message on a channel at a moment would break a cap."""


@dataclass(frozen=True)
class CountedCap:
    """A cap and when the messages are due that it counts, ascending.

    A rolling one looks at the fullest span of `within` hours, its end excluded, that holds the moment; one of the calendar
    at the moment's day, week or month in the customer's zone.
    """

    cap: Cap
    times: tuple[datetime, ...]
    zone: ZoneInfo
    calendar: Calendar = "gregorian"

    def used(self, due_at: datetime) -> int:
        """How many messages count against one at this moment."""
        if isinstance(self.cap.within, str):
            period = self.period(due_at)
            return bisect_left(self.times, period.ends_at) - bisect_left(self.times, period.starts_at)
        window = HOUR * self.cap.within
        first, here = bisect_right(self.times, due_at - window), bisect_right(self.times, due_at)
        starts = [*self.times[first:here], due_at]  # a fullest span starts at a message, or at this one
        return max(bisect_left(self.times, at + window) - bisect_left(self.times, at) for at in starts)

    def is_full(self, due_at: datetime) -> bool:
        """Whether a message at this moment would be one too many."""
        return len(self.times) >= self.cap.at_most and self.used(due_at) >= self.cap.at_most

    def frees_at(self, due_at: datetime) -> datetime | None:
        """The first moment from this one on at which a message would not be one too many; None: never."""
        if self.cap.at_most == 0:
            return None
        moments = (at for at in self._turns(due_at) if at > due_at)
        return due_at if not self.is_full(due_at) else next(at for at in moments if not self.is_full(at))

    def period(self, at: datetime) -> Period:
        """The calendar period that a moment lies in."""
        assert isinstance(self.cap.within, str), f"{self.cap.name} has no calendar period"
        return period_of(self.cap.within, at, self.zone, self.calendar)

    def _turns(self, due_at: datetime) -> Iterator[datetime]:
        """When it may be free again: a message leaves the window, or another period begins."""
        if isinstance(self.cap.within, str):
            while True:
                due_at = self.period(due_at).ends_at
                yield due_at
        yield from (at + HOUR * self.cap.within for at in self.times)

    @cached_property
    def rule(self) -> str:
        """Its name among reasons."""
        return f"cap:{self.cap.name}"

    def blocked(self, due_at: datetime) -> Blocked | None:
        """Why a message at this moment would be one too many; None where it would not."""
        if not self.is_full(due_at):
            return None
        cap, used = self.cap, self.used(due_at)
        span = f"one {cap.within}" if isinstance(cap.within, str) else f"any {cap.within:g} hours"
        what = " ".join(filter(None, [cap.tag, cap.channel, "messages"]))
        detail = f"at most {cap.at_most} {what} in {span}; {used} sent or scheduled"
        return Blocked(self.rule, detail, Found(cap.at_most, used, self.frees_at(due_at)))


@dataclass(frozen=True)
class CountedGap:
    """The least time between two messages, and when those are due that it counts, ascending."""

    hours: float
    times: tuple[datetime, ...]

    def is_full(self, due_at: datetime) -> bool:
        """Whether a message at this moment would be too near to another."""
        gap = HOUR * self.hours
        return bisect_right(self.times, due_at - gap) < bisect_left(self.times, due_at + gap)

    def frees_at(self, due_at: datetime) -> datetime:
        """The first moment from this one on that is far enough from every message."""
        moments = (due_at, *(at + HOUR * self.hours for at in self.times))
        return next(at for at in moments if at >= due_at and not self.is_full(at))

    def blocked(self, due_at: datetime) -> Blocked | None:
        """Why a message at this moment would be too near; None where it would not."""
        if not self.is_full(due_at):
            return None
        nearest = min(abs(at - due_at) for at in self.times) / HOUR
        detail = f"at least {self.hours:g} hours between messages; one is {nearest:.1f} hours away"
        return Blocked(MINIMUM_GAP, detail, Found(self.hours, round(nearest, 3), self.frees_at(due_at)))


def counted_caps(point: DecisionPoint, sent: Sequence[CountedMessage], zone: ZoneInfo) -> list[CountedCap]:
    """The caps that this journey's messages keep, its own and the shop's, each with what it counts."""
    own = [message for message in sent if message.journey == point.journey]
    both = ((point.caps, own), (point.shop.caps, sent))
    return [
        CountedCap(cap, counted_times(counted, cap), zone, point.shop.calendar)
        for caps, counted in both
        for cap in caps
        if cap.tag is None or cap.tag in point.tags
    ]


def counted_gaps(point: DecisionPoint, sent: Sequence[CountedMessage]) -> list[CountedGap]:
    """The least times between messages that this journey keeps, its own and the shop's."""
    own = [message for message in sent if message.journey == point.journey]
    both = ((point.minimum_gap_hours, own), (point.shop.minimum_gap_hours, sent))
    return [CountedGap(hours, counted_times(counted)) for hours, counted in both if hours]


def counted_times(messages: Iterable[CountedMessage], cap: Cap | None = None) -> tuple[datetime, ...]:
    """When the messages are due that a cap counts, or all of them, ascending."""
    channel, tag = (cap.channel, cap.tag) if cap else (None, None)
    return tuple(
        sorted(
            message.due_at
            for message in messages
            if channel in (None, message.channel) and (tag is None or tag in message.tags)
        )
    )


def blocking_cap(point: DecisionPoint, sent: Sequence[CountedMessage], zone: ZoneInfo) -> BlockingCap:
    """Of the caps that a message of this journey would break the one that frees up last, by channel and moment.

    What each cap says of a moment is worked out once, whatever the channel.
    """
    if point.transactional:
        return lambda _channel, _due_at: None
    limits: list[CountedCap | CountedGap] = [
        *(each for each in counted_caps(point, sent, zone) if len(each.times) >= each.cap.at_most),
        *(each for each in counted_gaps(point, sent) if each.times),
    ]
    known: dict[tuple[int, datetime], Blocked | None] = {}

    def blocked(channel: str | None, due_at: datetime) -> Blocked | None:
        found = []
        for place, limit in enumerate(limits):
            if isinstance(limit, CountedCap) and limit.cap.channel not in (None, channel):
                continue
            if (place, due_at) not in known:
                known[place, due_at] = limit.blocked(due_at)
            found.append(known[place, due_at])
        return max((each for each in found if each), key=_frees_at, default=None)

    return blocked


def horizon(point: DecisionPoint) -> timedelta:
    """How far before and after now messages can matter to this journey's caps, as a message may be put off."""
    spans = [
        _LONGEST[cap.within] if isinstance(cap.within, str) else HOUR * cap.within
        for cap in (*point.caps, *point.shop.caps)
    ]
    gaps = [HOUR * hours for hours in (point.minimum_gap_hours, point.shop.minimum_gap_hours) if hours]
    if point.transactional or not (spans or gaps):
        return timedelta(0)
    return max([*spans, *gaps]) + HOUR * HOURS_AHEAD


def mask_caps(
    mask: Mask, attempts: Mapping[str, Sequence[tuple[str | None, datetime]]], blocked: BlockingCap
) -> None:
    """Leave the actions of which at least one attempt, a channel and a moment, breaks no cap.

    One reason a cap, with the actions that it takes and the earliest moment at which one is free again. An action without
    attempts stays as it is.
    """
    by_rule: dict[str, dict[str, Blocked]] = defaultdict(dict)
    for action, tried in attempts.items():
        found = list(takewhile(bool, (blocked(channel, due_at) for channel, due_at in tried)))
        if found and len(found) == len(tried):  # at the first attempt that passes the others need no answer
            soonest = min((each for each in found if each), key=_frees_at)
            by_rule[soonest.rule][action] = soonest
    open_actions = mask.open_actions
    for rule, taken in by_rule.items():
        told = [each for action, each in taken.items() if action in open_actions] or list(taken.values())
        soonest = min(told, key=_frees_at)
        mask.remove(rule, taken, soonest.detail, soonest.found)


def _frees_at(blocked: Blocked) -> datetime:
    return blocked.found.frees_at or datetime.max.replace(tzinfo=UTC)
