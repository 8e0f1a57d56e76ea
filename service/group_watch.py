"""Do customers come in the shares that were declared? Watched on the log: if not, one group loses customers somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import Gauge
from sqlalchemy import Engine, distinct, func, select

from models.sample_ratio import SampleRatio, group_shares
from service.decision_point import DecisionPoint
from service.group import universal_holdout
from service.hourly import HourlyWatch
from service.store.engine import microseconds
from service.store.tables import decisions

LOOK_BACK: Final = timedelta(days=7)
_logger = structlog.get_logger()


def sample_ratios(
    engine: Engine, points: Mapping[str, DecisionPoint], since: datetime
) -> dict[str, SampleRatio]:
    """Distinct customers by group of every journey that decided since then, against its shares as they are now.

    Where shares or a salt were changed in between, `since` must be no earlier than that.
    """
    counted = (
        select(
            decisions.c.journey,
            decisions.c.group_name,
            func.count(distinct(decisions.c.customer_id)).label("customers"),
        )
        .where(decisions.c.decided_at >= microseconds(since), decisions.c.journey.in_(list(points)))
        .group_by(decisions.c.journey, decisions.c.group_name)
    )
    counts: dict[str, dict[str, int]] = {}
    with engine.connect() as connection:
        for journey, group, customers in connection.execute(counted):
            counts.setdefault(journey, {})[group] = customers
    return {
        journey: SampleRatio(
            journey=journey,
            counts=found,
            shares=group_shares(points[journey].shares.model_dump(), universal_holdout(points[journey])),
        )
        for journey, found in sorted(counts.items())
    }


class GroupWatch(HourlyWatch):
    """Looks at the last week and raises an alarm, by metric and log, while a ratio is off."""

    def __init__(self, *, engine: Engine, points: Mapping[str, DecisionPoint], alarm: Gauge) -> None:
        self._engine = engine
        self._points = points
        self._alarm = alarm

    def _look(self, now: datetime) -> None:
        for journey, ratio in sample_ratios(self._engine, self._points, now - LOOK_BACK).items():
            self._alarm.labels(journey).set(bool(ratio.fault))
            if ratio.fault:
                _logger.error("groups are not as declared", fault=ratio.fault)
