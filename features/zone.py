"""UTC offsets of time zones as rows: any engine finds a local hour by a join, and no engine's own zone tables matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class UnknownTimeZoneError(ValueError):
    """A customer's or the shop's time zone is not an IANA name."""


class ZoneOffset(NamedTuple):
    """A zone's offset from UTC during `[from_s, until_s)`, seconds since 1970."""

    time_zone: str
    from_s: int
    until_s: int
    offset_s: int


def load_zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. Raises `UnknownTimeZoneError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownTimeZoneError(f"time zone {name!r} is not an IANA name such as 'Asia/Tehran'") from error


def utc_offsets(names: Iterable[str], first: datetime, last: datetime) -> list[ZoneOffset]:
    """The offsets of each zone that cover `[first, last]` without a gap, daylight saving included.

    The changes are found by looking at each day and halving the day in which the offset differs, to the second.
    Raises `UnknownTimeZoneError`.

    >>> first, last = datetime(2022, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)
    >>> [offset.offset_s // 60 for offset in utc_offsets(["Asia/Tehran"], first, last)]
    [210, 270, 210]
    """
    start_s, stop_s = int(first.timestamp()) - 1, int(last.timestamp()) + 2
    return [
        offset for name in sorted(set(names)) for offset in _periods(name, load_zone(name), start_s, stop_s)
    ]


def _periods(name: str, zone: ZoneInfo, start_s: int, stop_s: int) -> Iterator[ZoneOffset]:
    from_s = day_s = start_s
    offset_s = _offset(zone, start_s)
    while day_s < stop_s:
        next_s = min(day_s + 86_400, stop_s)
        if _offset(zone, next_s) != offset_s:
            change_s = _first_change(zone, day_s, next_s)
            yield ZoneOffset(name, from_s, change_s, offset_s)
            from_s, offset_s = change_s, _offset(zone, next_s)
        day_s = next_s
    if from_s < stop_s:
        yield ZoneOffset(name, from_s, stop_s, offset_s)


def _first_change(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    old = _offset(zone, before_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset(zone, middle_s) == old:
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s


def _offset(zone: ZoneInfo, at_s: int) -> int:
    offset = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
    return int((offset or timedelta()).total_seconds())
