"""When a message may go out: the hours up to the deadline in the customer's zone, without quiet hours."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.decision_point import QuietHours
from service.guardrails.mask import Mask

HOURS_AHEAD = 24


def slots(now: datetime, zone: ZoneInfo) -> dict[str, datetime]:
    """The next moment of each local hour "00" to "23": the current hour's is now, the others start on the hour.

    Real hours are counted, so on a night when the clock moves an hour that does not exist has no slot, and one that comes
    twice has its first. Moments are UTC.
    """
    found = {f"{now.astimezone(zone).hour:02d}": now}
    local = now.astimezone(zone)
    into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    for ahead in range(1, HOURS_AHEAD + 1):
        moment = now - into_hour + timedelta(hours=ahead)
        found.setdefault(f"{moment.astimezone(zone).hour:02d}", moment)
    return found


def is_quiet(moment: time, quiet: QuietHours) -> bool:
    """Whether a local time lies in the quiet hours.

    >>> night = QuietHours(start=time(22), end=time(8))
    >>> is_quiet(time(23, 30), night), is_quiet(time(7, 59), night), is_quiet(time(8), night)
    (True, True, False)
    """
    if quiet.start <= quiet.end:
        return quiet.start <= moment < quiet.end
    return moment >= quiet.start or moment < quiet.end


def mask_quiet_hours(mask: Mask, moments: dict[str, datetime], zone: ZoneInfo, quiet: QuietHours) -> None:
    """Leave the slots outside the customer's quiet hours."""
    blocked = [hour for hour, at in moments.items() if is_quiet(at.astimezone(zone).time(), quiet)]
    detail = f"quiet from {quiet.start:%H:%M} to {quiet.end:%H:%M} in {zone.key}"
    mask.remove("quiet_hours", blocked, detail)


def mask_deadline(mask: Mask, moments: dict[str, datetime], deadline: datetime) -> None:
    """Leave the slots up to the deadline."""
    late = [hour for hour, at in moments.items() if at > deadline]
    mask.remove("deadline", late, f"nothing is sent after {deadline.isoformat()}")


def mask_coupon_life(
    mask: Mask, moments: dict[str, datetime], expires_at: datetime, minimum_life: timedelta
) -> None:
    """Leave the slots that give the coupon its minimum life."""
    late = [hour for hour, at in moments.items() if expires_at - at < minimum_life]
    detail = f"the code dies at {expires_at.isoformat()} and needs {int(minimum_life.total_seconds() / 60)} minutes of life"
    mask.remove("coupon_life", late, detail)


def local_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """The end of the customer's day, as a moment in the zone of `now`."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), zone).astimezone(now.tzinfo)
