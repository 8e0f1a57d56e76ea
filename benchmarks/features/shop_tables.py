"""A shop of any size as a data set: a year of orders, messages and page views drawn alike for every customer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.features.settings import AS_OF
from features.schema import CHANNELS, load_schema
from training.importing.dataset import table_schema

ORDERS, EVENTS, CAMPAIGNS, REDEMPTIONS = 10, 30, 2, 0.5
"""A customer's, on average."""
_YEAR_S = 365 * 86_400
_KINDS = (
    "product_viewed",
    "added_to_cart",
    "message_sent",
    "message_delivered",
    "message_opened",
    "message_clicked",
)


def write_shop(folder: Path, customers: int) -> Path:
    """The folder with the tables that definitions read."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    ids = np.array([f"customer {number:08d}" for number in range(customers)])
    said = [
        json.dumps({"channel": channel, "topic": topic})
        for channel in CHANNELS
        for topic in load_schema().topics
    ]
    n_orders, n_events = customers * ORDERS, customers * EVENTS
    n_campaigns, n_redemptions = customers * CAMPAIGNS, int(customers * REDEMPTIONS)
    starts = _times(rng, n_campaigns)
    campaign = np.array([f"campaign {number}" for number in range(20)])
    tables: dict[str, dict[str, Any]] = {
        "customers": {"customer_id": ids, "joined_at": np.full(customers, _end() - _YEAR_S * 10**6 - 10**6)},
        "orders": {
            "order_id": np.arange(n_orders).astype(str),
            "customer_id": rng.choice(ids, n_orders),
            "ordered_at": _times(rng, n_orders),
            "amount": rng.integers(1, 10**6, n_orders),
            "discount": rng.integers(0, 10**5, n_orders) * (rng.random(n_orders) < 0.3),
        },
        "campaigns": {
            "campaign_id": rng.choice(campaign, n_campaigns),
            "customer_id": rng.choice(ids, n_campaigns),
            "starts_at": starts,
            "ends_at": starts + 30 * 86_400 * 10**6,
        },
        "redemptions": {
            "customer_id": rng.choice(ids, n_redemptions),
            "campaign_id": rng.choice(campaign, n_redemptions),
            "redeemed_at": _times(rng, n_redemptions),
        },
        "events": {
            "customer_id": rng.choice(ids, n_events),
            "event": rng.choice(np.array(_KINDS), n_events),
            "occurred_at": _times(rng, n_events),
            "properties": rng.choice(np.array(said), n_events),
        },
    }
    for name, columns in tables.items():
        _write(folder / f"{name}.parquet", name, columns)
    return folder


def _write(path: Path, name: str, columns: dict[str, Any]) -> None:
    """The table's columns; those that are not given are null."""
    schema = table_schema(name)
    rows = len(next(iter(columns.values())))
    arrays = [
        pa.array(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in schema
    ]
    pq.write_table(pa.table(arrays, schema=schema), path)


def _end() -> int:
    return int(AS_OF.timestamp()) * 10**6


def _times(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    return _end() - rng.integers(1, _YEAR_S, n) * 10**6
