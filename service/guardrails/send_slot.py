"""When a message may go out: the hours up to the deadline in the customer's zone, without quiet hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from zoneinfo import ZoneInfo

from service.guardrails.mask import Mask
from service.guardrails.reason import Found
from service.point_decisions import QuietHours
from service.schemas import Reason

HOURS_AHEAD = 24
MINUTE = timedelta(minutes=1)
_DEADLINE = "deadline"
_MANY = 4096


@lru_cache(maxsize=256)
def slots(now: datetime, zone: ZoneInfo, quiet: QuietHours | None = None) -> Mapping[str, datetime]:
    """The next moment of each local hour "00" to "23": the current hour's is now, the others start on the hour.

    Real hours are counted, so on a night when the clock moves an hour that does not exist has no slot, and one that comes
    twice has its first. In the hour in which quiet hours end a slot begins with their end. Moments are UTC. Kept: of many
    decisions at one moment few differ in the zone.
    """
    local = now.astimezone(zone)
    into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    moves = (now + timedelta(hours=HOURS_AHEAD)).astimezone(zone).utcoffset() != local.utcoffset()
    hour = f"{local.hour:02d}"
    step = timedelta(minutes=30 if moves else 60)  # there are clocks that move by half an hour
    began = now - into_hour
    found = {hour: now, **_other_slots(hour, now if moves else began, began, step, zone, quiet)}
    if quiet is not None and local.hour == quiet.end.hour:
        found[hour] = _after_quiet(now, zone, quiet)
    return MappingProxyType(found)


@lru_cache(maxsize=256)
def _other_slots(
    current: str,
    after: datetime,
    began: datetime,
    step: timedelta,
    zone: ZoneInfo,
    quiet: QuietHours | None,
) -> Mapping[str, datetime]:
    """The slots but for the current hour's, which began then. Kept: decisions within an hour share them."""
    found: dict[str, datetime] = {}
    for ahead in range(1, timedelta(hours=HOURS_AHEAD) // step + 1):
        moment = began + step * ahead
        if moment > after:
            found.setdefault(f"{moment.astimezone(zone).hour:02d}", moment)
    found.pop(current, None)
    if quiet is not None and (end := f"{quiet.end.hour:02d}") in found:
        found[end] = _after_quiet(found[end], zone, quiet)
    return found


def _after_quiet(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """The end of the quiet hours, where a moment lies in them and it comes within the moment's hour."""
    local = moment.astimezone(zone)
    end = local.replace(minute=quiet.end.minute, second=0, microsecond=0)
    late = end > local and is_quiet(local.time(), quiet.start, quiet.end)
    return end.astimezone(moment.tzinfo) if late else moment


def is_quiet(moment: time, start: time, end: time) -> bool:
    """Whether a local time lies in the quiet hours from start to end.

    >>> [is_quiet(at, time(22), time(8)) for at in (time(23, 30), time(7, 59), time(8))]
    [True, True, False]
    """
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end


@lru_cache(maxsize=256)
def quiet_until(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """The first moment from this one on at which the customer's clock shows no quiet hour, in the zone of `moment`.

    Where the clock jumps over the end of the quiet hours, that is when it jumps; where it is set back into them, the end
    that comes first.
    """
    local = moment.astimezone(zone)
    if not is_quiet(local.time(), quiet.start, quiet.end):
        return moment
    end = datetime.combine(local.date(), quiet.end, zone)
    end = end if end > local else datetime.combine(local.date() + timedelta(days=1), quiet.end, zone)
    found = end.astimezone(moment.tzinfo)
    if found.astimezone(zone).utcoffset() == local.utcoffset():
        return found
    return _walk_until_loud(moment, zone, quiet)


def _walk_until_loud(moment: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """`quiet_until` minute by minute, for nights on which the clock moves."""
    at = moment
    while is_quiet(at.astimezone(zone).time(), quiet.start, quiet.end):
        at = at.replace(second=0, microsecond=0) + MINUTE
    return at


def mask_clock(mask: Mask, moments: Mapping[str, datetime], now: datetime, zone: ZoneInfo) -> None:
    """Leave the hours that come by this time tomorrow; the reason says when the clock next shows one of the others."""
    skipped = [hour for hour in mask.actions if hour not in moments]
    if skipped:
        there = tuple(hour for hour in mask.actions if hour in moments)
        frees_at = min(_next_shown(hour, now, zone) for hour in skipped)
        found = Found(there, mask.open_actions, frees_at)
        mask.remove("clock", skipped, "the clock skips this hour tonight", found)


def _next_shown(hour: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after now at which an hour begins on the customer's clock, looking past nights that skip it."""
    today = now.astimezone(zone).date()
    begins = (datetime.combine(today + timedelta(days=ahead), time(int(hour)), zone) for ahead in count())
    moments = (at.astimezone(UTC) for at in begins)
    return next(at for at in moments if at > now and at.astimezone(zone).hour == int(hour))


def mask_quiet_hours(mask: Mask, moments: Mapping[str, datetime], zone: ZoneInfo, quiet: QuietHours) -> None:
    """Leave the slots outside the customer's quiet hours; the reason says when the first of those it takes are over."""
    is_quiet_at = _quiet_moments(zone, quiet)
    blocked = {hour: at for hour, at in moments.items() if is_quiet_at[at]}
    if blocked:
        first = _first(mask, blocked)
        over = quiet_until(first, zone, quiet)
        detail = f"quiet from {quiet.start:%H:%M} to {quiet.end:%H:%M} in {zone.key}"
        mask.remove("quiet_hours", blocked, detail, Found(over, first, over))


class _QuietMoments(dict[datetime, bool]):
    """Of moments whether they lie in a zone's quiet hours. Kept: most slots are whole hours of one day."""

    def __init__(self, zone: ZoneInfo, quiet: QuietHours) -> None:
        super().__init__()
        self._zone, self._start, self._end = zone, quiet.start, quiet.end

    def __missing__(self, at: datetime) -> bool:
        if len(self) >= _MANY:
            self.clear()
        found = self[at] = is_quiet(at.astimezone(self._zone).time(), self._start, self._end)
        return found


_quiet_moments = lru_cache(maxsize=256)(_QuietMoments)


def mask_deadline(
    mask: Mask, moments: Mapping[str, datetime], deadline: datetime, moves_by: timedelta | None = None
) -> None:
    """Leave the slots up to the deadline; the reason names the first of those it takes.

    moves_by: how far ahead of now the deadline always is, where it moves with the clock: what it takes it will allow later.
    """
    late = {hour: at for hour, at in moments.items() if at > deadline}
    if late:
        first = _first(mask, late)
        frees_at = None if moves_by is None else first - moves_by
        mask.remove(_DEADLINE, late, _nothing_after(deadline), Found(deadline, first, frees_at))


def of_deadline(reason: Reason, deadline: datetime) -> Reason:
    """The reason if it was another deadline, of the same slots, that took them; any other reason as it is."""
    if reason.rule != _DEADLINE:
        return reason
    return replace(reason, detail=_nothing_after(deadline), limit=deadline)


def _nothing_after(deadline: datetime) -> str:
    return f"nothing is sent after {deadline.isoformat()}"


def mask_coupon_life(
    mask: Mask, moments: Mapping[str, datetime], expires_at: datetime, minimum_life: timedelta
) -> None:
    """Leave the slots that give the coupon its minimum life; when it dies, the next one may be given.

    The reason compares minutes of life: the least wanted with what the first slot that it takes would leave.
    """
    latest = expires_at - minimum_life
    late = {hour: at for hour, at in moments.items() if at > latest}
    if late:
        least, left = minimum_life / MINUTE, max((expires_at - _first(mask, late)) / MINUTE, 0.0)
        detail = f"the code dies at {expires_at.isoformat()} and needs {int(least)} minutes of life"
        mask.remove("coupon_life", late, detail, Found(least, round(left, 3), expires_at))


def _first(mask: Mask, blocked: Mapping[str, datetime]) -> datetime:
    """The first of the blocked slots that are still open; of all where none is, and no reason will say it."""
    return min([blocked[hour] for hour in mask.open_actions if hour in blocked] or blocked.values())


def local_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """The end of the customer's day, as a moment in the zone of `now`."""
    return _start_of(now.astimezone(zone).date() + timedelta(days=1), zone, now.tzinfo)


@lru_cache(maxsize=256)
def _start_of(day: date, zone: ZoneInfo, shown_in: tzinfo | None) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(shown_in)
