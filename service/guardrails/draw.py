"""One draw per customer and period: until when the one that was made counts."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from service.decision_point import DecisionPoint
from service.standing import Draw


def drawn_until(draw: Draw, point: DecisionPoint, now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment from now on at which the draw counts no longer for a customer in this zone.

    It counts to the end of its own period, in the zone that it was drawn in, and as long as the customer's clock shows a
    period of the same name: who has moved west since then lives through the rest of that day once more.
    """
    over = max(draw.ends_at, now)
    period = point.draw_period(over, zone)
    return period.ends_at if period is not None and period.name == draw.period else over
