"""How old the rows are that decisions about these customers would read now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from features.online import SqliteFeatureReader, read_settings
from features.online_redis import RedisFeatureReader
from features.redis_settings import redis_settings
from features.schema import Schema
from features.stored import StoredFeatures
from models.feedback import Floats
from training.feature_store import ONLINE_STORE
from training.places import Places

ASKED: Final = 500
"""Customers whose rows are read."""


class RowReader(Protocol):
    """An online store that is open for reading."""

    def read_many(self, customer_ids: Sequence[str]) -> list[StoredFeatures]:
        """What is stored of each customer."""
        ...


@dataclass(frozen=True, kw_only=True)
class RowAge:
    """The rows of one view: of how many customers asked there is one, and its age in days.

    stale: the share of rows older than `freshness_days`, which defaults stand in for.
    """

    view: str
    asked: int
    found: int
    median_days: float
    late_days: float
    oldest_days: float
    freshness_days: float
    stale: float


def row_ages(
    reader: RowReader, customers: Sequence[str], now: datetime, schema: Schema
) -> tuple[RowAge, ...]:
    """The ages by view; late: the 95th percentile. Raises: `OnlineStoreError`."""
    stored = reader.read_many(customers)
    return tuple(
        _age(
            view.name,
            np.array([_days(now, row.views[view.name].event_at) for row in stored if view.name in row.views]),
            len(customers),
            view.freshness_days,
        )
        for view in schema.views
    )


@contextmanager
def open_rows(places: Places, schema: Schema) -> Iterator[RowReader]:
    """The online store that is served from. Raises: `OnlineStoreError` when there is none, or neither SQLite nor Redis."""
    if places.feature_store_yaml is None:
        reader: SqliteFeatureReader | RedisFeatureReader = SqliteFeatureReader(
            database=places.feast / ONLINE_STORE, schema=schema
        )
    else:
        reader = RedisFeatureReader(
            settings=redis_settings(read_settings(places.feature_store_yaml)), schema=schema
        )
    try:
        yield reader
    finally:
        reader.close()


def _age(view: str, days: Floats, asked: int, freshness_days: float) -> RowAge:
    known = len(days) > 0
    median, late, oldest = np.quantile(days, [0.5, 0.95, 1.0]).tolist() if known else [np.nan] * 3
    return RowAge(
        view=view,
        asked=asked,
        found=len(days),
        median_days=median,
        late_days=late,
        oldest_days=oldest,
        freshness_days=freshness_days,
        stale=float((days > freshness_days).mean()) if known else 0.0,
    )


def _days(now: datetime, event_at: datetime) -> float:
    return (now - event_at).total_seconds() / 86_400
