"""Snapshots into the online store that is served from: the folder's SQLite or Redis in bulk, any other through Feast."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import pyarrow as pa

from features.bulk import read_snapshot, write_online_store
from features.bulk_redis import Progress, untold, write_redis_store
from features.filled import describe_filling, write_filled
from features.online import read_settings
from features.redis_settings import UnknownLayoutError, redis_settings
from features.schema import JOIN_KEY, View, load_schema
from training.feature_store import ONLINE_STORE, FeatureStoreError, open_served_store
from training.places import Places

if TYPE_CHECKING:
    from feast import FeatureStore

BATCH: Final = 5_000


def fill_online_store(
    places: Places, *, as_of: datetime, served_at: datetime, progress: Progress = untold
) -> dict[str, int]:
    """The number of customers written for each view: the snapshot at `as_of`, stored as if it spoke of `served_at`.

    What is stored and newer is kept. What it was filled from is noted beside it (`features.filled`).
    `progress` is told of what takes long: filling Redis.
    Raises `OnlineStoreError` or `FeatureStoreError` when there is no such snapshot or fewer rows arrived than were sent.
    """
    filled = describe_filling(places.snapshots, as_of=as_of, served_at=served_at)
    written = _fill(places, as_of, served_at, progress)
    write_filled(places.feast, filled)
    return written


def _fill(places: Places, as_of: datetime, served_at: datetime, progress: Progress) -> dict[str, int]:
    if places.feature_store_yaml is None:
        database = places.feast / ONLINE_STORE
        return write_online_store(places.snapshots, database, as_of=as_of, served_at=served_at)
    try:
        server = redis_settings(read_settings(places.feature_store_yaml))
    except UnknownLayoutError:
        return write_through_feast(
            open_served_store(places), places.snapshots, as_of=as_of, served_at=served_at
        )
    return write_redis_store(places.snapshots, server, as_of=as_of, served_at=served_at, progress=progress)


def write_through_feast(
    store: FeatureStore, snapshots: Path, *, as_of: datetime, served_at: datetime
) -> dict[str, int]:
    """The same for any store that Feast supports, view after view: readers see a mixture until it ends."""
    written = {}
    for view in load_schema().views:
        rows = read_snapshot(snapshots, view, as_of)
        for start in range(0, len(rows), BATCH):
            batch = rows.slice(start, BATCH)
            store.write_to_online_store(view.name, df=_frame(batch, served_at))
            _check_arrival(store, view, batch[JOIN_KEY].to_pylist(), served_at)
        written[view.name] = len(rows)
    return written


def _frame(rows: pa.Table, served_at: datetime) -> pd.DataFrame:
    """Arrow's types are kept: pandas' own would turn an integer column with a null into floats."""
    frame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    return frame.assign(event_timestamp=pd.Timestamp(served_at), created_timestamp=pd.Timestamp(served_at))


def _check_arrival(store: FeatureStore, view: View, customers: list[str], served_at: datetime) -> None:
    """Raises `FeatureStoreError` unless every customer's row of the view can be read back, as new as was written."""
    found = store.get_online_features(
        features=[f"{view.name}:{view.features[0].name}"],
        entity_rows=[{JOIN_KEY: name} for name in customers],
    ).proto
    column = list(found.metadata.feature_names.val).index(view.features[0].name)
    wanted_s = int(served_at.timestamp())
    arrived = sum(time.seconds >= wanted_s for time in found.results[column].event_timestamps)
    if arrived < len(customers):
        raise FeatureStoreError(
            f"{view.name}: {arrived} of {len(customers)} rows as new as {served_at.isoformat()} came back"
        )
