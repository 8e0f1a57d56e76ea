"""The local hours in which a message may go out, whatever was sent before."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from service.guardrails import send_slot
from service.guardrails.mask import Mask
from service.point_decisions import QuietHours

_MANY: Final = 4096


class Limits(NamedTuple):
    """What narrows the hours: quiet hours, a deadline that moves with the clock or stands still, the coupon's life."""

    quiet: QuietHours | None
    deadline_hours: float
    deadline_at: datetime | None = None
    coupon_expires_at: datetime | None = None
    coupon_life: timedelta = timedelta(0)

    def deadline(self, now: datetime) -> datetime:
        """The moment after which nothing is sent."""
        moving = now + timedelta(hours=self.deadline_hours)
        return moving if self.deadline_at is None else min(moving, self.deadline_at)


def open_hours(hours: tuple[str, ...], now: datetime, zone: ZoneInfo, limits: Limits) -> Mask:
    """The hours that clock, deadline, quiet hours and the coupon's life leave.

    Kept for the rest of the hour where none of them takes the current one: then minutes and seconds change nothing but the
    deadline that a reason names, as long as the same slots lie before it.
    """
    moments = tuple(send_slot.slots(now, zone, limits.quiet).values())
    if not _holds_all_hour(moments, now, zone, limits):
        return _narrowed(hours, now, zone, limits).copy()
    deadline = limits.deadline(now)
    moves = deadline != limits.deadline_at
    key = (hours, moments[1:], bisect_right(moments, deadline), moves, zone, limits)
    kept = _kept.get(key)
    if kept is None:
        if len(_kept) >= _MANY:
            _kept.clear()
        kept = _kept[key] = _narrowed(hours, now, zone, limits)
    mask = kept.copy()
    if moves:
        mask.reasons = [send_slot.of_deadline(reason, deadline) for reason in mask.reasons]
    return mask


_kept: Final[dict[object, Mask]] = {}


def _holds_all_hour(moments: tuple[datetime, ...], now: datetime, zone: ZoneInfo, limits: Limits) -> bool:
    """Whether the clock shows every hour once, and the current hour is neither quiet nor too late."""
    quiet, expires_at, deadline_at = limits.quiet, limits.coupon_expires_at, limits.deadline_at
    return (
        len(moments) == send_slot.HOURS_AHEAD
        and moments[0] == now
        and (deadline_at is None or now <= deadline_at)
        and (quiet is None or not send_slot.is_quiet(now.astimezone(zone).time(), quiet.start, quiet.end))
        and (expires_at is None or now <= expires_at - limits.coupon_life)
    )


@lru_cache(maxsize=256)
def _narrowed(hours: tuple[str, ...], now: datetime, zone: ZoneInfo, limits: Limits) -> Mask:
    """`open_hours`, worked out; not to be narrowed itself. Kept: of many decisions at one moment few differ."""
    mask, slots = Mask("send_time", hours), send_slot.slots(now, zone, limits.quiet)
    send_slot.mask_clock(mask, slots, now, zone)
    deadline = limits.deadline(now)
    moves_by = timedelta(hours=limits.deadline_hours) if deadline != limits.deadline_at else None
    send_slot.mask_deadline(mask, slots, deadline, moves_by)
    if limits.quiet is not None:
        send_slot.mask_quiet_hours(mask, slots, zone, limits.quiet)
    if limits.coupon_expires_at is not None:
        send_slot.mask_coupon_life(mask, slots, limits.coupon_expires_at, limits.coupon_life)
    return mask
