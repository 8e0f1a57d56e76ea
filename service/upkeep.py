"""What has to be done from time to time beside learning, whatever anybody asks: each step once, also after a crash."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from service.store.coupon_log import free_lapsed_draws, release_lapsed_coupons
from service.store.key_log import forget_expired_keys
from service.store.partition import make_partitions

_AT_ONCE = 500
_logger = structlog.get_logger()


def keep_up(engine: Engine, now: datetime) -> None:
    """Make the log's next parts, forget old keys, give back what nobody used: values to budgets, draws to customers.

    In portions, each a transaction, so that a day's end of many coupons holds nobody up for long.
    """
    _make_partitions(engine, now)
    released = 0
    while (portion := release_lapsed_coupons(engine, now, at_most=_AT_ONCE)) > 0:
        released += portion
    freed = free_lapsed_draws(engine, now)
    forget_expired_keys(engine, now)
    if released or freed:
        _logger.info("gave back", coupons=released, draws=freed)


def _make_partitions(engine: Engine, now: datetime) -> None:
    """Make the log's next parts; while a long reader is at the decisions there is time to try again."""
    try:
        with engine.begin() as connection:
            made = make_partitions(connection, now)
    except OperationalError as error:
        _logger.warning("parts of the log are not made yet", exc_info=error)
        return
    if made:
        _logger.info("made parts of the log", names=made)
