"""What has to be done from time to time beside learning, whatever anybody asks: each step once, also after a crash."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine

from service.store.coupon_log import free_lapsed_draws, release_lapsed_coupons
from service.store.key_log import forget_expired_keys

_AT_ONCE = 500
_logger = structlog.get_logger()


def keep_up(engine: Engine, now: datetime) -> None:
    """Give back what nobody used in time: coupons' face values to their budgets, draws to their customers; forget old keys.

    In portions, each a transaction, so that a day's end of many coupons holds nobody up for long.
    """
    released = 0
    while (portion := release_lapsed_coupons(engine, now, at_most=_AT_ONCE)) > 0:
        released += portion
    freed = free_lapsed_draws(engine, now)
    forget_expired_keys(engine, now)
    if released or freed:
        _logger.info("gave back", coupons=released, draws=freed)
